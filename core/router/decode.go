package router

import (
	"crypto/sha256"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// fact is a decoded journal entry. Decoding needs no state, so it runs beside the fold.
type fact struct {
	pos      canon.Position
	at       time.Time
	typ      canon.EntryType
	head     canon.Head
	data     []byte
	personal []byte
	fault    error // why it could not be decoded

	obs  *canon.Observation // of an observation, with its personal fields
	hash string             // of an observation's sections
}

// decodeBatch decodes all entries of a batch.
func decodeBatch(b *bus.Batch) []fact {
	facts := make([]fact, len(b.Entries))
	for i := range b.Entries {
		facts[i].pos, facts[i].at = canon.Position{Offset: b.Offset, Index: uint32(i)}, time.Unix(0, b.Time).UTC()
		facts[i].decode(&b.Entries[i])
	}
	return facts
}

// decode reads an entry's head and, of an observation, its content. A decoder that panics is a fault like any other.
func (f *fact) decode(e *bus.Entry) {
	defer func() {
		if r := recover(); r != nil {
			f.fault = faultf("entry.undecodable", "entry %s does not decode: %v", f.pos, r)
		}
	}()
	f.typ, f.data, f.personal = canon.EntryType(e.Type), e.Data, e.Personal
	if err := unmarshal(e.Head, &f.head); err != nil {
		f.head = canon.Head{}
		f.fault = faultf("entry.undecodable", "the head of entry %s does not decode", f.pos)
		return
	}
	if f.typ == canon.EntryObservation {
		f.obs, f.hash, f.fault = decodeObservation(e.Data, e.Personal)
	}
}

// unmarshal reads JSON as strictly as the digests will: the fast decoder alone takes what is none.
func unmarshal(raw []byte, v any) error {
	if !stdjson.Valid(raw) {
		return errNotJSON
	}
	return json.Unmarshal(raw, v)
}

var errNotJSON = errors.New("not JSON")

// decodeObservation reads the two sections of an observation and hashes them.
func decodeObservation(data, personal []byte) (*canon.Observation, string, error) {
	obs, err := readObservation(data, personal)
	if err != nil {
		return nil, "", err
	}
	return obs, ObservationHash(data, personal), nil
}

// ObservationHash is what a binding keeps of an observation's two sections: canon.Shown.Hash.
func ObservationHash(data, personal []byte) string {
	h := sha256.New()
	h.Write(data)
	h.Write([]byte{0})
	h.Write(personal)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// readObservation reads the two sections of an observation.
func readObservation(data, personal []byte) (*canon.Observation, error) {
	obs := new(canon.Observation)
	if err := unmarshal(data, obs); err != nil {
		return nil, faultf("observation.undecodable", "the observation is not JSON of the expected shape; fix the connector that sent it")
	}
	if len(personal) > 0 {
		p := new(canon.PersonState)
		if err := unmarshal(personal, p); err != nil {
			return nil, faultf("observation.undecodable", "the personal section is not JSON of the expected shape; fix the connector that sent it")
		}
		obs.AttachPersonal(p)
	}
	if obs.Aspect == "" {
		obs.Aspect = canon.AspectMain
	}
	return obs, nil
}

// decodeInto reads an entry's data.
func decodeInto(f *fact, v any) error {
	if err := unmarshal(f.data, v); err != nil {
		return faultf("entry.undecodable", "the data of entry %s does not decode as its type", f.pos)
	}
	return nil
}
