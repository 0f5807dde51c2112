package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// published keeps how far the timeline went out to a topic. It never goes back: of two publishers the one that is
// further counts.
func (f *fold) published(ft *fact) error {
	var p canon.Published
	if err := decodeInto(ft, &p); err != nil {
		return err
	}
	if p.Topic == "" || len(p.Topic) > 300 {
		return faultf("published.topic", "the entry names no topic")
	}
	key := store.PrefixTopic + store.Part(p.Topic)
	old, err := store.Load[canon.Published](f.tx, key)
	if err != nil || old != nil && old.Through.Compare(p.Through) >= 0 {
		return err
	}
	return f.save(key, p)
}

// PublishedThrough is how far the timeline went out to a topic; false when it never did.
func PublishedThrough(r store.Reader, topic string) (canon.Position, bool, error) {
	p, err := store.Load[canon.Published](r, store.PrefixTopic+store.Part(topic))
	if err != nil || p == nil {
		return canon.Position{}, false, err
	}
	return p.Through, true, nil
}
