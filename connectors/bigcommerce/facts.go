package bigcommerce

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// factsLife is how long what a person sets up in the store (locations, brands, groups, price lists) is remembered.
const factsLife = 10 * time.Minute

// facts are what a person sets up in the store.
type facts struct {
	at        time.Time
	info      storeInfo
	currency  string
	locations []location
	brands    map[int64]string
	groups    map[int64]string // customer groups; nil where the caller may not see them
	channels  map[int64]string // types; nil where the caller may not see them
	lists     []priceList      // active ones
}

type storeInfo struct {
	Name     text   `json:"name"`
	Domain   text   `json:"domain"`
	Currency string `json:"currency"`
	Plan     text   `json:"plan_name"`
	Status   text   `json:"status"`
}

type priceList struct {
	ID     int64 `json:"id"`
	Name   text  `json:"name"`
	Active bool  `json:"active"`
	groups []int64
}

type namedRow struct {
	ID   int64 `json:"id"`
	Name text  `json:"name"`
}

// only is the location that all goods come from; 0 where there are several.
func (f *facts) only() int64 {
	var id int64
	for _, l := range f.locations {
		if l.Enabled {
			if id != 0 {
				return 0
			}
			id = l.ID
		}
	}
	return id
}

func (f *facts) location(id int64) *location {
	for i := range f.locations {
		if f.locations[i].ID == id {
			return &f.locations[i]
		}
	}
	return nil
}

// facts gives what is set up, asking the store where it is not known or old.
func (s *store) facts(ctx context.Context) (*facts, error) {
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if known != nil && utcNow().Sub(known.at) < factsLife {
		return known, nil
	}
	f, err := s.readFacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is set up in the store: %w", err)
	}
	s.mu.Lock()
	s.known = f
	s.mu.Unlock()
	return f, nil
}

func (s *store) forgetFacts() {
	s.mu.Lock()
	s.known = nil
	s.mu.Unlock()
}

func (s *store) readFacts(ctx context.Context) (*facts, error) {
	f := &facts{at: utcNow(), currency: s.cfg.Currency, brands: map[int64]string{}}
	if _, err := s.client.get(ctx, "v2/store", nil, &f.info); err != nil {
		return nil, err
	}
	if f.currency == "" {
		f.currency = strings.ToUpper(strings.TrimSpace(f.info.Currency))
	}
	var err error
	if f.locations, err = all3[location](ctx, s, "inventory/locations", nil); err != nil {
		return nil, err
	}
	brands, err := all3[namedRow](ctx, s, "catalog/brands", nil)
	if err != nil {
		return nil, err
	}
	for _, b := range brands {
		f.brands[b.ID] = clean(b.Name)
	}
	groups, err := all2[namedRow](ctx, s, "customer_groups")
	switch {
	case err == nil:
		f.groups = map[int64]string{}
		for _, g := range groups {
			f.groups[g.ID] = clean(g.Name)
		}
	case !isForbidden(err):
		return nil, err
	}
	if f.channels, err = s.readChannels(ctx); err != nil && !isForbidden(err) {
		return nil, err
	}
	return f, s.readPriceLists(ctx, f)
}

func (s *store) readChannels(ctx context.Context) (map[int64]string, error) {
	rows, err := all3[struct {
		ID   int64 `json:"id"`
		Type text  `json:"type"`
	}](ctx, s, "channels", nil)
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, c := range rows {
		out[c.ID] = clean(c.Type)
	}
	return out, nil
}

// readPriceLists reads the active price lists and for whom they are. One that is assigned to another channel alone is left
// out where the connection serves a channel.
func (s *store) readPriceLists(ctx context.Context, f *facts) error {
	if !s.cfg.PriceLists {
		return nil
	}
	lists, err := all3[priceList](ctx, s, "pricelists", nil)
	if err != nil {
		return err
	}
	assigned, err := all3[struct {
		ListID    int64 `json:"price_list_id"`
		GroupID   int64 `json:"customer_group_id"`
		ChannelID int64 `json:"channel_id"`
	}](ctx, s, "pricelists/assignments", nil)
	if err != nil {
		return err
	}
	for _, l := range lists {
		here, everybody := false, false
		for _, a := range assigned {
			if a.ListID != l.ID || s.cfg.ChannelID != 0 && a.ChannelID != 0 && a.ChannelID != s.cfg.ChannelID {
				continue
			}
			here = true
			if a.GroupID == 0 {
				everybody = true
			} else if !slices.Contains(l.groups, a.GroupID) {
				l.groups = append(l.groups, a.GroupID)
			}
		}
		if everybody {
			l.groups = nil
		}
		if l.Active && here {
			f.lists = append(f.lists, l)
		}
	}
	return nil
}

func (f *facts) groupNames(ids []int64) []string {
	var out []string
	for _, id := range ids {
		name := f.groups[id]
		if name == "" {
			name = idText(id)
		}
		out = append(out, name)
	}
	return out
}

// places states the store's locations.
func (f *facts) places() []canon.Observation {
	var out []canon.Observation
	for i := range f.locations {
		out = append(out, observeLocation(&f.locations[i]))
	}
	return out
}

func observeLocation(l *location) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLocation, ExternalID: idText(l.ID),
		Location: &canon.LocationState{Name: clean(l.Label), Active: l.Enabled, Country: clean(l.Address.Country)},
	}
}

// ofChannel leaves out what other sales channels have.
func (s *store) ofChannel(q url.Values, name string) url.Values {
	if s.cfg.ChannelID != 0 {
		q.Set(name, idText(s.cfg.ChannelID))
	}
	return q
}
