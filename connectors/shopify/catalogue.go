package shopify

import (
	"hash/maphash"
	"sync"
)

// maxRemembered bounds the catalogue's memory; past it the memory starts anew, which costs some reads and nothing else.
const maxRemembered = 50_000

// catalogue remembers, of what this process has seen, which variants a product has, which variant an inventory item
// belongs to, and a digest of each product's body. It only decides whether a delivery is worth a read: no fact comes
// from it, so that losing it at a restart loses nothing.
type catalogue struct {
	mu       sync.Mutex
	seed     maphash.Seed
	products map[int64]remembered
	variants map[int64]int64 // inventory item → variant
}

type remembered struct {
	variants []int64
	digest   uint64 // of the body without its stock and times
	stock    uint64
}

func newCatalogue() *catalogue {
	c := &catalogue{seed: maphash.MakeSeed()}
	c.reset()
	return c
}

func (c *catalogue) reset() {
	c.products, c.variants = map[int64]remembered{}, map[int64]int64{}
}

// deliver notes a product's body and tells whether its metafields have to be read. The platform delivers
// products/update for each change of stock as well; where the stock is all that changed since the last body, nothing
// has to be read. A metafield that changed at the same moment is found by the next poll.
func (c *catalogue) deliver(p *restProduct) (read bool) {
	var body, stock maphash.Hash
	body.SetSeed(c.seed)
	stock.SetSeed(c.seed)
	put := func(values ...string) {
		for _, v := range values {
			body.WriteString(v)
			body.WriteByte(0)
		}
	}
	number := func(h *maphash.Hash, n int64) {
		for i := range 8 {
			h.WriteByte(byte(n >> (8 * i)))
		}
	}
	put(p.Title, p.BodyHTML, p.Vendor, p.ProductType, p.Status, p.Tags)
	ids := make([]int64, 0, len(p.Variants))
	for i := range p.Variants {
		v := &p.Variants[i]
		ids = append(ids, v.ID)
		number(&body, v.ID)
		number(&body, v.InventoryItemID)
		put(v.Title, v.SKU, v.Barcode, v.Price, v.CompareAt, string(v.InventoryManagement))
		number(&stock, v.InventoryQuantity)
	}
	now := remembered{variants: ids, digest: body.Sum64(), stock: stock.Sum64()}

	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.products[p.ID]
	c.remember(p.ID, now)
	for i := range p.Variants {
		c.variants[p.Variants[i].InventoryItemID] = p.Variants[i].ID
	}
	return !known || before.digest != now.digest || before.stock == now.stock
}

// learn notes a variant that a read showed.
func (c *catalogue) learn(item, variant int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.variants) >= maxRemembered {
		c.reset()
	}
	c.variants[item] = variant
}

func (c *catalogue) remember(product int64, r remembered) {
	if len(c.products) >= maxRemembered || len(c.variants) >= maxRemembered {
		c.reset()
	}
	c.products[product] = r
}

// variantOf gives the variant of an inventory item; 0 when it was never seen.
func (c *catalogue) variantOf(item int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.variants[item]
}

// variantsOf gives the variants that a product was last seen with.
func (c *catalogue) variantsOf(product int64) []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.products[product].variants
}
