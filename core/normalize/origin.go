package normalize

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

var ownerships = invert(map[string]string{
	string(canon.Owned):     "OWN ASSET STOCK PURCHASED EIGEN PROPRE",
	string(canon.Consigned): "CONSIGNMENT CONSIGN DEPOTVENTE KOMMISSION KOMMISSIONSWARE CONTOVENDITA",
	string(canon.MemoIn):    "MEMO MEMOIN ONMEMO LOAN CONFIE",
	string(canon.ClientOwn): "CUSTOMER CUSTOMEROWNED CLIENTOWNED CLIENTPROPERTY CUSTODY KUNDE",
})

// doubts gathers what could not be read.
type doubts []error

func (d *doubts) date(raw string) string {
	if strings.TrimSpace(raw) == "" {
		return ""
	}
	day, err := Date(raw)
	if err != nil {
		*d = append(*d, err)
	}
	return day
}

func (d *doubts) money(stated *canon.StatedMoney) *canon.Money {
	if stated == nil || strings.TrimSpace(stated.Amount) == "" {
		return nil
	}
	m, err := Money(*stated)
	if err != nil {
		*d = append(*d, err)
		return nil
	}
	return &m
}

func (d *doubts) hash(raw string) string {
	h, err := documentHash(raw)
	if err != nil {
		*d = append(*d, err)
	}
	return h
}

// unread keeps the words of a date or an amount that could not be read.
func unread(read string, raw ...string) string {
	if read != "" {
		return ""
	}
	return joinStated(raw)
}

// Ownership reads whose a piece is. A word for the kind that is not in the table is kept raw.
func Ownership(stated canon.StatedOwnership) (canon.Ownership, error) {
	var d doubts
	o := canon.Ownership{
		Party: strings.TrimSpace(stated.Party), Reference: strings.TrimSpace(stated.Reference), Since: d.date(stated.Since), Due: d.date(stated.Due),
		Payable: d.money(stated.Payable),
	}
	if strings.TrimSpace(stated.Kind) != "" {
		kind, ok := ownerships[compact(stated.Kind)]
		if !ok {
			d = append(d, fmt.Errorf("%w: ownership %.48q is not in the table of ownership", ErrUnread, stated.Kind))
			o.Raw = strings.TrimSpace(stated.Kind)
		}
		o.Kind = canon.OwnershipKind(kind)
	}
	return o, errors.Join(d...)
}

// Edition reads a piece's place in a series: the numbers, or words like "12/100", "No. 12 of 100", "12 sur 100".
func Edition(stated canon.StatedEdition) (canon.Edition, error) {
	e := canon.Edition{Name: strings.TrimSpace(stated.Name), Number: stated.Number, Size: stated.Size, Raw: strings.TrimSpace(stated.Words)}
	if e.Raw != "" {
		var numbers []int64
		known := true
		for _, w := range words(fold(e.Raw)) {
			if n, err := strconv.ParseInt(w, 10, 32); err == nil {
				numbers = append(numbers, n)
			} else {
				known = known && strings.Contains(" n no nr num number edition limited of sur von di de piece ", " "+w+" ")
			}
		}
		switch {
		case !known || len(numbers) == 0 || len(numbers) > 2:
			return e, fmt.Errorf("%w: edition %.48q; write it as 12/100", ErrUnread, e.Raw)
		case e.Number == 0:
			e.Number = numbers[0]
		}
		if len(numbers) == 2 && e.Size == 0 {
			e.Size = numbers[1]
		}
	}
	if e.Number < 0 || e.Size < 0 || e.Size != 0 && e.Number > e.Size {
		wrong := e
		e.Number, e.Size = 0, 0
		return e, fmt.Errorf("%w: there is no number %d in an edition of %d", ErrUnread, wrong.Number, wrong.Size)
	}
	return e, nil
}

var schemes = invert(map[string]string{
	"KP": "KIMBERLEY KIMBERLEYPROCESS KPCS", "SOW": "SYSTEMOFWARRANTIES WDC WDCSOW", "RJC_COP": "RJC CODEOFPRACTICES RJCCODEOFPRACTICES", "RJC_COC": "CHAINOFCUSTODY RJCCHAINOFCUSTODY COC",
	"LBMA_RGG": "LBMA RESPONSIBLEGOLDGUIDANCE", "FTC": "FTCGUIDES",
})

var materials = invert(map[string]string{"mined": "NEWLYMINED", "recycled": "RECLAIMED SECONDARY", "grandfathered": "GRANDFATHERED"})

// Provenance reads one step of where a piece comes from. The wording of warranties is never read: the hub knows none.
func Provenance(stated canon.StatedProvenance) (canon.Provenance, error) {
	var d doubts
	p := canon.Provenance{
		Event: strings.ReplaceAll(Name(stated.Event), " ", "_"), Date: d.date(stated.Date), Party: strings.TrimSpace(stated.Party),
		Statement: strings.TrimSpace(stated.Statement), Number: strings.TrimSpace(stated.Number), ValidFrom: d.date(stated.ValidFrom), ValidTo: d.date(stated.ValidTo),
		Document: strings.TrimSpace(stated.Document), Hash: d.hash(stated.Hash), Invoice: strings.TrimSpace(stated.Invoice), Cost: d.money(stated.Cost),
	}
	if strings.TrimSpace(stated.Scheme) != "" {
		scheme, ok := schemes[compact(stated.Scheme)]
		if !ok {
			scheme = strings.ToUpper(strings.ReplaceAll(Name(stated.Scheme), " ", "_"))
		}
		p.Scheme = scheme
	}
	material := ""
	if strings.TrimSpace(stated.Material) != "" {
		m, ok := materials[compact(stated.Material)]
		if !ok {
			d = append(d, fmt.Errorf("%w: material %.32q is not mined, recycled or grandfathered", ErrUnread, stated.Material))
			material = stated.Material
		}
		p.Material = m
	}
	p.Raw = joinStated([]string{unread(p.Date, stated.Date), unread(p.ValidFrom, stated.ValidFrom), unread(p.ValidTo, stated.ValidTo), material})
	return p, errors.Join(d...)
}

var purposes = invert(map[string]string{
	"insurance": "REPLACEMENT INSURANCEREPLACEMENT ASSURANCE VERSICHERUNG", "estate": "PROBATE SUCCESSION NACHLASS", "resale": "MARKET FAIRMARKETVALUE RESALEVALUE", "donation": "CHARITABLE", "divorce": "", "liquidation": "", "other": "",
})

// Appraisal reads a valuation. The amount is kept as stated beside what it reads as (invariant 5).
func Appraisal(stated canon.StatedAppraisal) (canon.Appraisal, error) {
	var d doubts
	a := canon.Appraisal{
		Number: strings.TrimSpace(stated.Number), Amount: d.money(stated.Amount), Appraiser: strings.TrimSpace(stated.Appraiser), Date: d.date(stated.Date),
		Expires: d.date(stated.Expires), URL: strings.TrimSpace(stated.URL), Hash: d.hash(stated.Hash),
	}
	if stated.Amount != nil {
		a.Stated = strings.TrimSpace(stated.Amount.Amount + " " + stated.Amount.Currency)
	}
	purpose := ""
	if strings.TrimSpace(stated.Purpose) != "" {
		p, ok := purposes[compact(stated.Purpose)]
		if !ok {
			d = append(d, fmt.Errorf("%w: purpose %.32q of an appraisal is not in the table", ErrUnread, stated.Purpose))
			purpose = stated.Purpose
		}
		a.Purpose = p
	}
	a.Raw = joinStated([]string{purpose, unread(a.Date, stated.Date), unread(a.Expires, stated.Expires)})
	return a, errors.Join(d...)
}

var componentKinds = map[string]canon.ComponentKind{
	"": canon.ComponentStone, "STONE": canon.ComponentStone, "GEM": canon.ComponentStone, "DIAMOND": canon.ComponentStone, "PIECE": canon.ComponentPiece, "ITEM": canon.ComponentPiece,
	"RING": canon.ComponentPiece, "PART": canon.ComponentPart, "MOUNT": canon.ComponentPart, "SETTING": canon.ComponentPart,
}

// Component reads something that sits in a piece, under the same keys that an item of its own would have. Without a key
// that could be read it names nothing, and the error wraps ErrUnread.
func Component(stated canon.StatedComponent) (canon.Component, error) {
	var d doubts
	c := canon.Component{}
	kind, ok := componentKinds[compact(stated.Kind)]
	if !ok {
		d = append(d, fmt.Errorf("%w: component %.32q is not stone, piece or part", ErrUnread, stated.Kind))
		kind = canon.ComponentPart
	}
	c.Kind = kind
	if stated.Certificate != nil {
		cert, err := Certificate(*stated.Certificate)
		if err != nil {
			d = append(d, err)
		} else {
			c.Keys = append(c.Keys, "certificate/"+cert.Key())
		}
	}
	if strings.TrimSpace(stated.EPC) != "" {
		epc, err := EPC(stated.EPC)
		if err != nil {
			d = append(d, err)
		} else {
			c.Keys = append(c.Keys, "epc/"+epc)
		}
	}
	if serial := Serial(stated.Serial); serial != "" {
		c.Keys = append(c.Keys, "serial/"+serial)
	}
	if len(c.Keys) == 0 {
		d = append(d, fmt.Errorf("%w: a component without certificate, EPC and serial names nothing", ErrUnread))
		if stated.Certificate != nil {
			c.Raw = joinStated([]string{stated.Certificate.Lab, stated.Certificate.Number})
		}
		c.Raw = joinStated([]string{c.Raw, stated.EPC, stated.Serial})
	}
	return c, errors.Join(d...)
}
