package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// ListingWord is a person's word about a listing that is or was published.
type ListingWord struct {
	Item string `json:"item" minLength:"1" maxLength:"1024" doc:"Any id that resolves to the item"`
	Does string `json:"does" enum:"again,retry" doc:"again: make it again though somebody deleted it; retry: write once more what was refused or is not shown"`
}

// ListingTold is what was taken of the word.
type ListingTold struct {
	Item       string `json:"item"`
	Connection string `json:"connection"`
	Does       string `json:"does"`
}

func (a *API) publications(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Publication](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Publications(v, parameter(c, "name"), canon.PublicationState(query(c, "state")), p)
	})
}

func (a *API) publicationWord(c *fiber.Ctx, who access.Principal) error {
	b, err := read[ListingWord](a, c)
	if err != nil {
		return err
	}
	return do[ListingTold](a, c, who, canon.Command{Role: who.ActsAs(), Listing: &canon.ListingCommand{Connection: parameter(c, "name"), Item: b.Item, Does: b.Does}}, nil)
}
