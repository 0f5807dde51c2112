package router

import (
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

// joinPersons joins a node anew with all whom it may be the same person as.
func (f *fold) joinPersons(seed *personNode, keys map[string][]string) error {
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
	for _, index := range personIndexes {
		if err := visit(index, keys[index]); err != nil {
			return err
		}
	}
	var decisions []identity.Decision
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if _, seen := nodes[id]; seen {
			continue
		}
		n, err := store.Load[personNode](f.tx, prefixPerson+id)
		if err != nil {
			return err
		}
		nodes[id] = n
		if p := n.own(); p != nil {
			for index, values := range map[string][]string{indexNodeMail: p.Emails, indexNodePhone: p.Phones, indexNodeLike: p.likeKeys()} {
				if err := visit(index, values); err != nil {
					return err
				}
			}
		}
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
	var persons []identity.Person
	for _, id := range sortedKeys(nodes) {
		n := nodes[id]
		if n == nil {
			delete(nodes, id)
			continue
		}
		persons = append(persons, n.compared(crowded))
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
	keys := map[string][]string{}
	if p := n.own(); p != nil {
		keys = map[string][]string{indexNodeMail: p.Emails, indexNodePhone: p.Phones, indexNodeLike: p.likeKeys()}
	}
	return f.joinPersons(n, keys)
}
