package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func TestAPieceInFullSurvivesIntoTheRecord(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.fetched("till", listing("t1", "SKU-1", "SN-1", func(l *canon.ListingState) {
		l.HUID, l.Dialect = "ab12cd", "RapNet"
		l.Metals = []canon.StatedMetal{{
			Part: "Band", Metal: "18k white gold", Gross: "5 g", Net: "4.2 g", Plating: "rhodium plated",
			Hallmarks: []canon.StatedHallmark{{Country: "UK", Standard: "750", Office: "Leopard's head", Sponsor: "JR"}},
		}}
		l.Stones = []canon.StatedStone{{
			Kind: "diamond", Role: "centre", Shape: "EC", Carat: "0.51", Colour: "FCI Purplish Pink", Clarity: "VS1", Polish: "EX", Symmetry: "VG-EX", Fluorescence: "VS B",
			Measurements: "5.12 x 4.10 x 3.18 mm", Proportions: &canon.StatedProportion{Depth: "61.8%", Table: "57"}, Origin: "natural", Treatments: "none", Certificate: "2141438171",
		}}
		l.Certificates = []canon.StatedCert{{Lab: "GIA", Number: "2141438171", Date: "June 2, 2025", Text: "0.51 carat", Grading: &canon.StatedStone{Kind: "diamond", Carat: "0.51 carat", Clarity: "VS2"}}}
		l.Ownership = &canon.StatedOwnership{Kind: "consignment", Party: "V-12", Due: "2026-09-01", Payable: &canon.StatedMoney{Amount: "4000", Currency: "EUR"}}
		l.Edition = &canon.StatedEdition{Words: "12/100"}
		l.Sets = []canon.StatedSet{{Code: "SET-1", Role: "left"}}
		l.Provenance = []canon.StatedProvenance{{Event: "Purchased", Date: "2025-07-01", Scheme: "Kimberley Process", Number: "KP-1"}}
		l.Components = []canon.StatedComponent{{Certificate: &canon.StatedCert{Lab: "GIA", Number: "5550001112"}}}
		l.Attributes = []canon.StatedAttribute{{Code: "width", Value: "2,5 mm"}, {Code: "occasion", Value: "Wedding"}, {Code: "free", Value: "as it is"}}
	}))
	w.fetched("shop", listing("p1", "", "SN-1", func(l *canon.ListingState) {
		l.HUID = "ZZ99ZZ"
		l.Ownership = &canon.StatedOwnership{Kind: "owned"}
		l.Provenance = []canon.StatedProvenance{{Event: "mined", Date: "2020-01-01", Material: "mined"}}
		l.Appraisals = []canon.StatedAppraisal{{Purpose: "insurance", Amount: &canon.StatedMoney{Amount: "9000", Currency: "EUR"}, Date: "2026-01-05"}}
		l.Certificates = []canon.StatedCert{{Lab: "Gemological Institute of America", Number: "2141438171", Type: "DD", Inscription: "GIA 2141438171"}}
		l.Components = []canon.StatedComponent{{Certificate: &canon.StatedCert{Lab: "GIA", Number: "5550001112"}, Serial: "ST-7"}}
		l.Attributes = []canon.StatedAttribute{{Code: "largeur", Value: "9 mm"}, {Code: "occasion", Value: "gift"}, {Code: "occasion", Value: "funeral"}}
	}))
	it := w.item("till", "t1")
	require.NotNil(t, it)
	require.Len(t, it.Nodes, 2)
	require.Equal(t, "AB12CD", it.HUID, "the first in the order of authority")
	require.Equal(t, []canon.MetalComponent{{
		Part: "band", Metal: canon.Metal{Kind: canon.Gold, Fineness: 750, Colour: canon.White, Raw: "18k white gold"}, Karat: 18,
		Gross: &canon.Weight{Milligrams: 5000, Raw: "5 g"}, Net: &canon.Weight{Milligrams: 4200, Raw: "4.2 g"},
		Plating:   &canon.Plating{Kind: canon.Plated, Material: canon.Rhodium, Raw: "rhodium plated"},
		Hallmarks: []canon.Hallmark{{Country: "GB", Standard: 750, Office: "london", Sponsor: "JR", Raw: "UK 750 Leopard's head"}},
	}}, it.Metals)
	s := it.Stones[0]
	require.Equal(t, "EMERALD", s.Shape, "in RapNet's code list")
	require.Equal(t, &canon.FancyColour{Intensity: "FANCY INTENSE", Hue: "PINK", Overtones: []string{"PURPLISH"}}, s.Fancy)
	require.Equal(t, []string{"VERY_GOOD-EXCELLENT", "VERY_STRONG", "BLUE"}, []string{s.Symmetry, s.Fluorescence, s.FluorescenceColour})
	require.Equal(t, &canon.Dimensions{Length: 512, Width: 410, Depth: 318}, s.Dimensions)
	require.Equal(t, &canon.Proportions{Depth: 6180, Table: 5700}, s.Proportions)
	require.Equal(t, "GIA/2141438171", s.Certificate)
	require.Len(t, it.Certificates, 1, "both sources name the same report")
	c := it.Certificates[0]
	require.Equal(t, []string{"2025-06-02", "DD", "GIA 2141438171", "0.51 carat", "VS2"}, []string{c.Date, c.Type, c.Inscription, c.Text, c.Grading.Clarity}, "what one source does not say is the other's")
	require.Equal(t, &canon.Ownership{Kind: canon.Consigned, Party: "V-12", Due: "2026-09-01", Payable: &canon.Money{Minor: 400000, Currency: "EUR"}}, it.Ownership)
	require.Equal(t, &canon.Edition{Number: 12, Size: 100, Raw: "12/100"}, it.Edition)
	require.Equal(t, []canon.MatchingSet{{Code: "SET-1", Role: "left"}}, it.Sets)
	require.Equal(t, []canon.Provenance{
		{Event: "mined", Date: "2020-01-01", Material: "mined"}, {Event: "purchased", Date: "2025-07-01", Scheme: "KP", Number: "KP-1"},
	}, it.Provenance, "no source's step is lost")
	require.Equal(t, []canon.Appraisal{{Purpose: "insurance", Amount: &canon.Money{Minor: 900000, Currency: "EUR"}, Stated: "9000 EUR", Date: "2026-01-05"}}, it.Appraisals)
	require.Equal(t, []canon.Component{{Kind: canon.ComponentStone, Keys: []string{"certificate/GIA/5550001112", "serial/ST-7"}}}, it.Components, "one stone under two keys")
	width := int64(2500)
	require.Equal(t, []canon.Attribute{
		{Code: "free", Value: "as it is"},
		{Code: "occasion", Value: "funeral", Unread: true},
		{Code: "occasion", Value: "gift"},
		{Code: "occasion", Value: "wedding", Raw: "Wedding"},
		{Code: "width", Value: "2.5", Number: &width, Unit: "mm", Raw: "2,5 mm"},
	}, it.Attributes)
	require.Equal(t, []string{"attribute.unreadable", "certificate.mismatch", "stock.unseen"}, it.Flags)
	require.Equal(t, []string{it.ID}, ids(w.keys(store.IndexPrefix(store.IndexHUID, "AB12CD"))))
}

func ids(keys []string) []string {
	for i, k := range keys {
		keys[i] = store.IndexID("\x00" + k)
	}
	return keys
}

func TestAPersonInFullSurvivesIntoTheRecord(t *testing.T) {
	w := newWorkbench(t, testSettings())
	created, earlier := dayOne, dayOne.AddDate(-1, 0, 0)
	w.fetched("till", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c1", Customer: &canon.CustomerState{
		Person: &canon.PersonState{
			Title: "Mme", GivenName: "Hélène", MiddleName: "Anne", FamilyName: "Martin", Preferred: "Léni", Emails: []string{"helene@example.org"}, Locale: "fr_fr", Birthday: "06-02", Note: "likes sapphires",
			Contacts:  []canon.StatedContact{{Kind: "WhatsApp", Value: "06 12 34 56 78", Verified: true}, {Kind: "E-mail", Value: "Helene@Example.org", Label: "Home"}},
			External:  []canon.ExternalAccount{{System: "club", ID: "M-1", Kind: "loyalty"}},
			Relations: []canon.StatedRelation{{Kind: "husband", CustomerID: "c2", Discreet: true}},
		},
		CreatedAt: &created, AcquiredBy: "walk-in", Tags: []string{"VIP"}, MarketingEmail: "subscribed",
		Consents: []canon.StatedConsent{{Channel: "SMS", State: "opted in", At: "2026-01-02T10:00:00+01:00"}},
	}})
	w.fetched("web", canon.Observation{Kind: canon.KindCustomer, ExternalID: "9", Customer: &canon.CustomerState{
		Person: &canon.PersonState{
			Title: "Dr", GivenName: "Helene", FamilyName: "Martin", Emails: []string{"helene@example.org"}, Company: "Aurum",
			Contacts: []canon.StatedContact{{Kind: "email", Value: "helene@example.org", Verified: true}},
		},
		CreatedAt: &earlier, AcquiredBy: "web", Tags: []string{"press"},
		Consents: []canon.StatedConsent{{Channel: "email", State: "unsubscribed"}, {Channel: "sms", State: "perhaps"}},
	}})
	node := canon.NodeID("cli", "till", canon.KindCustomer, "c1")
	c := load[canon.Client](w, store.RecordKey(store.TypeClient, load[store.Node](w, store.PrefixNode+node).Golden))
	require.NotNil(t, c)
	require.Len(t, c.Nodes, 2)
	require.Equal(t, []string{"Mme", "Hélène", "Anne", "Martin", "Léni", "Aurum"}, []string{c.Title, c.GivenName, c.MiddleName, c.FamilyName, c.Preferred, c.Company})
	require.Equal(t, []string{"fr-FR", "--06-02"}, []string{c.Locale, c.Birthday})
	require.Equal(t, []canon.ContactPoint{
		{Kind: canon.ContactEmail, Value: "helene@example.org", Label: "home", Verified: true},
		{Kind: canon.ContactWhatsApp, Value: "+33612345678", Verified: true},
	}, c.Contacts, "contact points are united")
	require.Equal(t, []canon.Consent{
		{Channel: "email", Purpose: "marketing", State: canon.ConsentWithdrawn, Connection: "web"},
		{Channel: "sms", Purpose: "marketing", State: canon.ConsentWithdrawn, Connection: "web"},
	}, c.Consents, "the most restrictive counts, and what can't be read allows nothing")
	require.Equal(t, "unsubscribed", c.MarketingEmail)
	require.Equal(t, []canon.ExternalAccount{{System: "club", ID: "M-1", Kind: "loyalty"}}, c.External)
	require.Equal(t, []canon.Relation{{Kind: "spouse", Node: canon.NodeID("cli", "till", canon.KindCustomer, "c2"), Discreet: true}}, c.Relations)
	require.Equal(t, []string{"VIP", "press"}, c.Tags)
	require.Equal(t, []canon.Note{{Connection: "till", Text: "likes sapphires"}}, c.Notes)
	require.Equal(t, &canon.Acquisition{At: earlier, Connection: "web", Source: "web"}, c.Acquired, "the earliest by the sources' own time")
	require.Equal(t, []string{"consent.unreadable"}, c.Flags)
}
