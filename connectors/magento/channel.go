package magento

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// factsLife is how long what a person sets up in the shop (websites, sources, attributes, groups) is remembered.
const factsLife = 10 * time.Minute

// channel is the website that the connection serves, with the stock that it sells.
type channel struct {
	at        time.Time
	website   string
	currency  string
	stockID   int64
	stores    []int64  // of the website
	others    bool     // there are websites besides
	sources   []source // of the stock, the first to ship first
	elsewhere []source // of other stocks
}

type source struct {
	Code    string `json:"source_code"`
	Name    text   `json:"name"`
	Enabled bool   `json:"enabled"`
	Country text   `json:"country_id"`
}

var (
	errNoWebsite = errors.New("the shop has no website of that code")
	errNoStock   = errors.New("no stock sells on that website")
)

// serves reports whether a source is one of the channel's stock.
func (c *channel) serves(code string) bool {
	return slices.ContainsFunc(c.sources, func(s source) bool { return s.Code == code })
}

// only is the code of the source that all goods come from; "" where there are several.
func (c *channel) only() string {
	if len(c.sources) == 1 {
		return c.sources[0].Code
	}
	return ""
}

// facts gives the channel, asking the shop where it is not known or old.
func (s *shop) facts(ctx context.Context) (*channel, error) {
	s.mu.Lock()
	known := s.channel
	s.mu.Unlock()
	if known != nil && utcNow().Sub(known.at) < factsLife {
		return known, nil
	}
	c, err := s.readChannel(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the shop's website and stock: %w", err)
	}
	s.mu.Lock()
	s.channel = c
	s.mu.Unlock()
	return c, nil
}

func (s *shop) readChannel(ctx context.Context) (*channel, error) {
	c := &channel{at: utcNow(), website: s.cfg.Website, currency: s.cfg.Currency}
	var sites []struct {
		ID   int64  `json:"id"`
		Code string `json:"code"`
	}
	if _, err := s.client.get(ctx, "V1/store/websites", nil, &sites); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(sites, func(w struct {
		ID   int64  `json:"id"`
		Code string `json:"code"`
	},
	) bool {
		return w.Code == s.cfg.Website
	})
	if at < 0 {
		return nil, fmt.Errorf("%w: %q", errNoWebsite, s.cfg.Website)
	}
	c.others = len(sites) > 2 // one of them is the admin's
	var stores []struct {
		ID        int64  `json:"id"`
		WebsiteID int64  `json:"website_id"`
		Currency  string `json:"base_currency_code"`
	}
	if _, err := s.client.get(ctx, "V1/store/storeConfigs", nil, &stores); err != nil {
		return nil, err
	}
	for _, v := range stores {
		if v.WebsiteID == sites[at].ID {
			c.stores = append(c.stores, v.ID)
			if c.currency == "" {
				c.currency = v.Currency
			}
		}
	}
	var stock struct {
		ID int64 `json:"stock_id"`
	}
	if _, err := s.client.get(ctx, "V1/inventory/stock-resolver/website/"+url.PathEscape(s.cfg.Website), nil, &stock); err != nil {
		return nil, err
	}
	if stock.ID == 0 {
		return nil, fmt.Errorf("%w: %q", errNoStock, s.cfg.Website)
	}
	c.stockID = stock.ID
	return c, s.readSources(ctx, c)
}

// readSources reads the stock's sources in the order in which they ship.
func (s *shop) readSources(ctx context.Context, c *channel) error {
	var links struct {
		Items []struct {
			Source   string `json:"source_code"`
			Priority int64  `json:"priority"`
		} `json:"items"`
	}
	q := search(maxSources).where("stock_id", "eq", idText(c.stockID)).ascending("priority")
	if _, err := s.client.get(ctx, "V1/inventory/stock-source-links", q.q, &links); err != nil {
		return err
	}
	var all struct {
		Items []source `json:"items"`
	}
	if _, err := s.client.get(ctx, "V1/inventory/sources", search(maxSources).q, &all); err != nil {
		return err
	}
	for _, l := range links.Items {
		for _, src := range all.Items {
			if src.Code == l.Source && src.Enabled {
				c.sources = append(c.sources, src)
			}
		}
	}
	for _, src := range all.Items {
		if !c.serves(src.Code) {
			c.elsewhere = append(c.elsewhere, src)
		}
	}
	return nil
}

// maxSources bounds the sources of a shop that are read.
const maxSources = 300

// locations states the sources of the channel's stock as places. The others are no places of this connection.
func (c *channel) locations() []canon.Observation {
	var out []canon.Observation
	for _, src := range c.sources {
		out = append(out, location(src))
	}
	return out
}

func location(src source) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLocation, ExternalID: src.Code,
		Location: &canon.LocationState{Name: clean(src.Name), Active: src.Enabled, Country: clean(src.Country)},
	}
}
