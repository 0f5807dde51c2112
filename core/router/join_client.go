package router

import (
	"fmt"
	"maps"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

// contacts are the values of personIndexes that somebody is found by, in their order.
type contacts [3][]string

func (p *person) contacts() contacts {
	if p == nil {
		return contacts{}
	}
	return contacts{p.Emails, p.Phones, p.likeKeys()}
}

// joinPersons joins a node anew with all whom it may be the same person as: who shares one of keys, which it has or had.
// stands tells that the node is still there; one without a client need not have been saved.
func (f *fold) joinPersons(seed *personNode, stands bool, keys contacts) error {
	nodes := make(map[string]*personNode)
	crowded := make(map[nodeKey]bool)
	done := make(map[nodeKey]bool)
	queue := append([]string{seed.Node}, seed.Asked...)
	gone := make(map[string]bool) // golden ids that were
	was, err := f.clientOf(seed)
	if err != nil {
		return err
	}
	if was != nil { // the node itself may be gone
		gone[was.ID] = true
		queue = append(queue, was.Nodes...)
	}
	visit := func(index string, values []string) error {
		for _, v := range values {
			k := nodeKey{index, v}
			if done[k] {
				continue
			}
			done[k] = true
			ids, err := f.scan(index, v, identity.Crowd+2)
			if err != nil {
				return err
			}
			if len(ids) > identity.Crowd {
				crowded[k] = true // the shop's own address, a household's placeholder
				if len(ids) > identity.Crowd+1 {
					continue
				}
			}
			queue = append(queue, ids...)
		}
		return nil
	}
	visitAll := func(keys contacts) error {
		for i, index := range personIndexes {
			if err := visit(index, keys[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visitAll(keys); err != nil {
		return err
	}
	var decisions []identity.Decision
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if _, seen := nodes[id]; seen {
			continue
		}
		n := seed
		if id != seed.Node || !stands {
			if n, err = store.Load[personNode](f.tx, prefixPerson+id); err != nil {
				return err
			}
			if err := visitAll(n.own().contacts()); err != nil {
				return err
			}
		}
		nodes[id] = n
		if n != nil {
			queue = append(queue, n.Asked...)
		}
		words, err := f.words(id)
		if err != nil {
			return err
		}
		for _, w := range words {
			decisions = append(decisions, identity.Decision{A: w.A, B: w.B, Same: w.Same})
			queue = append(queue, w.A, w.B)
		}
		c, err := f.clientOf(n)
		if err != nil {
			return err
		}
		if c != nil {
			gone[c.ID] = true
			queue = append(queue, c.Nodes...)
		}
	}
	maps.DeleteFunc(nodes, func(_ string, n *personNode) bool { return n == nil })
	var persons []identity.Person
	for _, id := range sortedKeys(nodes) {
		if len(nodes) == 1 { // nobody to be compared with
			persons = append(persons, identity.Person{Node: id})
			break
		}
		persons = append(persons, nodes[id].compared(crowded))
	}
	joined := identity.JoinPersons(persons, decisions, f.weights)
	clusters := joined.Clusters
	if err := f.askAbout(nodes, persons, joined.Reviews); err != nil {
		return err
	}
	for _, c := range clusters {
		delete(gone, c[0])
	}
	for _, id := range sortedKeys(gone) {
		if err := f.dropClient(id); err != nil {
			return err
		}
	}
	for _, c := range clusters {
		if err := f.buildClient(c, nodes); err != nil {
			return err
		}
	}
	return nil
}

// rejoinClient joins the nodes of a client anew, as the weights in force have it, and computes its record.
func (f *fold) rejoinClient(id string) error {
	c, err := store.Load[canon.Client](f.tx, store.RecordKey(store.TypeClient, id))
	if err != nil || c == nil {
		return err
	}
	n, err := store.Load[personNode](f.tx, prefixPerson+c.ID)
	if err != nil {
		return err
	}
	if n == nil {
		return fmt.Errorf("%w: client %s has no node", store.ErrCorrupt, id)
	}
	return f.joinPersons(n, true, n.own().contacts())
}
