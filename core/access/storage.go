package access

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/core/vault"
)

// Storage keeps sealed bytes by namespace and key; core/vault is one. Put and Delete return when they are durable. Get of
// what there is not gives nothing, or vault.ErrNotFound.
type Storage interface {
	Put(namespace, key string, value []byte) error
	Get(namespace, key string) ([]byte, error)
	List(namespace string) ([]string, error)
	Delete(namespace, key string) error
}

// Changer is a Storage that others change too. Change keeps what how makes of what is there, nil for nothing, or removes
// it; where somebody else was faster it begins again with what that one left.
type Changer interface {
	Change(namespace, key string, how func(was []byte) ([]byte, error)) error
}

// kept reads a value; nil where there is none.
func kept[T any](storage Storage, namespace, key string) (*T, error) {
	raw, err := storage.Get(namespace, key)
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("access: read %s/%s: %w", namespace, key, err)
	}
	return decode[T](namespace, key, raw)
}

func decode[T any](namespace, key string, raw []byte) (*T, error) {
	if raw == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("access: what is kept of %s/%s does not decode: %w", namespace, key, err)
	}
	return v, nil
}

// change keeps what how makes of a value.
func change[T any](storage Storage, namespace, key string, how func(was *T) (*T, error)) error {
	encoded := func(was []byte) ([]byte, error) {
		v, err := decode[T](namespace, key, was)
		if err != nil {
			return nil, err
		}
		if v, err = how(v); err != nil || v == nil {
			return nil, err
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("access: %w", err)
		}
		return raw, nil
	}
	if shared, ok := storage.(Changer); ok {
		return shared.Change(namespace, key, encoded)
	}
	was, err := storage.Get(namespace, key)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return fmt.Errorf("access: read %s/%s: %w", namespace, key, err)
	}
	next, err := encoded(was)
	if err != nil {
		return err
	}
	if next == nil {
		err = storage.Delete(namespace, key)
	} else {
		err = storage.Put(namespace, key, next)
	}
	if err != nil {
		return fmt.Errorf("access: keep %s/%s: %w", namespace, key, err)
	}
	return nil
}
