package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/changes"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// waitingOf gives the first change that the connection wants of a record between two places, the second one's entry
// included; nil for none.
func waitingOf(r store.Reader, f *Filter, record string, from canon.RowPlace, through canon.Position) (*pending, error) {
	prefix := store.PrefixEntity + record + "/"
	start := store.EntityKey(record, from.Position, from.Row)
	var found *pending
	err := r.Scan(prefix, start, func(key string, _ []byte) (bool, error) {
		row, err := store.Load[canon.Row](r, store.RowOfEntityKey(key))
		if err != nil || row == nil {
			return false, err
		}
		if row.Position.Compare(through) > 0 {
			return false, nil
		}
		n, err := strconv.Atoi(key[strings.LastIndexByte(key, '/')+1:])
		if err != nil {
			return false, fmt.Errorf("outbox: the key %q has no row number: %w", key, err)
		}
		if row.Entity != record || !f.Wants(row) {
			return true, nil
		}
		found = &pending{place: canon.RowPlace{Position: row.Position, Row: n}, row: *row}
		return false, nil
	})
	return found, err
}

// heldOf gives what waits apart for a connection, by golden id of the record.
func heldOf(r store.Reader, connection string) (map[string]*canon.Undelivered, error) {
	out := map[string]*canon.Undelivered{}
	err := r.Scan(store.PrefixHeld+connection+"/", "", func(key string, value []byte) (bool, error) {
		var u canon.Undelivered
		if err := json.Unmarshal(value, &u); err != nil {
			return false, fmt.Errorf("outbox: %s: %w", key, err)
		}
		out[u.Key] = &u
		return true, nil
	})
	return out, err
}

// change makes what the connector gets of a row; ok is false where the connection's role does not see it.
func (s *Sender) change(p *pending) (c sdk.Change, ok bool, err error) {
	e, body, ok, err := changes.CloudEvent(s.o.JournalID, s.o.Who, p.row, p.place.Row)
	if err != nil || !ok {
		return c, false, err
	}
	c = sdk.Change{ID: e.ID, Key: p.row.Entity, Event: body}
	if !s.o.Records {
		return c, true, nil
	}
	v, err := s.o.View()
	if err != nil {
		return c, false, fmt.Errorf("outbox: %w", err)
	}
	defer v.Close()
	if err := s.addRecord(v, &c, p.row.Type); err != nil {
		return c, false, fmt.Errorf("outbox: the record of %s: %w", e.ID, err)
	}
	return c, true, nil
}

// addRecord adds the record as it is now. Invariant 7: each by the redactor of its type.
func (s *Sender) addRecord(v store.View, c *sdk.Change, typ string) error {
	redact, known := redactors[typ]
	if !known {
		return nil
	}
	raw, err := views.Get(v, typ, c.Key)
	if errors.Is(err, views.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Record, err = redact(s.o.Who.Sight(), raw); err != nil || typ != store.TypeOrder {
		return err
	}
	var o canon.Order
	if err := json.Unmarshal(raw, &o); err != nil {
		return err
	}
	if c.IDs, err = s.ownIDs(v, &o); err != nil {
		return err
	}
	c.Stated, err = s.stated(v, &o)
	return err
}

var redactors = map[string]func(access.Sight, []byte) ([]byte, error){
	store.TypeItem: access.JSON[canon.Item], store.TypeProduct: access.JSON[canon.Product], store.TypeClient: access.JSON[canon.Client],
	store.TypeOrder: access.JSON[canon.Order], store.TypeRefund: access.JSON[canon.Refund], store.TypeMemo: access.JSON[canon.Memo],
	store.TypeTransfer: access.JSON[canon.Transfer], store.TypeCount: access.JSON[canon.CountSession],
}

// ownIDs gives under which id this connection lists what each line of an order sells.
func (s *Sender) ownIDs(v store.View, o *canon.Order) (map[string]string, error) {
	out := map[string]string{}
	for _, line := range o.Lines {
		if line.Node == "" {
			continue
		}
		raw, err := views.Get(v, store.TypeItem, line.Node)
		if errors.Is(err, views.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var item canon.Item
		if err := json.Unmarshal(raw, &item); err != nil {
			return nil, err
		}
		for _, l := range item.Listings {
			if l.Connection == s.o.Name {
				out[line.ID] = l.ExternalID
				break
			}
		}
	}
	return out, nil
}

// stated gives an order as its own platform states it; nil where it was made in the hub.
func (s *Sender) stated(v store.View, o *canon.Order) (json.RawMessage, error) {
	key := canon.BindingKey{Connection: o.Connection, Kind: canon.KindOrder, ExternalID: o.ExternalID, Aspect: canon.AspectMain}
	b, err := store.Load[canon.Binding](v, store.BindingKey(key))
	if err != nil || b == nil || b.Current() == nil || b.Current().Deleted {
		return nil, err
	}
	shown := b.Current()
	var obs canon.Observation
	if err := json.Unmarshal(shown.Observation, &obs); err != nil {
		return nil, err
	}
	if obs.Order == nil {
		return nil, nil
	}
	if len(shown.Personal) > 0 {
		person := new(canon.PersonState)
		if err := json.Unmarshal(shown.Personal, person); err != nil {
			return nil, err
		}
		obs.AttachPersonal(person)
	}
	raw, err := json.Marshal(obs.Order)
	if err != nil {
		return nil, err
	}
	return access.JSON[canon.OrderState](s.o.Who.Sight(), raw)
}
