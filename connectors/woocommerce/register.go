package woocommerce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/jumpring/jumpring/plugins/sdk"
)

type webhook struct {
	ID          int64  `json:"id"`
	Status      text   `json:"status"` // active, paused (by a person), disabled (by failures)
	Topic       text   `json:"topic"`
	DeliveryURL string `json:"delivery_url"`
}

// Register implements sdk.Registrar. The shop answers the creation of a webhook only after it has pinged the address,
// so the hub must be able to answer meanwhile.
func (c *Connector) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	hooks, err := s.webhooksTo(ctx, req.URL)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	resp := &sdk.RegisterResponse{}
	// The shop never tells a webhook's secret, so that one found there may have another: ours is set once after Open.
	assert := s.assertSecret()
	for _, topic := range topics {
		at := slices.IndexFunc(hooks, func(h webhook) bool { return string(h.Topic) == topic })
		if at < 0 {
			body := map[string]string{"name": "Jumpring " + topic, "topic": topic, "delivery_url": req.URL, "secret": s.webhookSecret, "status": "active"}
			if _, err := s.client.do(ctx, http.MethodPost, "webhooks", nil, body, nil); err != nil {
				s.forgetAssertion()
				return nil, fmt.Errorf("create the webhook %s: %w", topic, err)
			}
			resp.Created = append(resp.Created, topic)
			continue
		}
		for _, h := range hooks[at+1:] {
			if string(h.Topic) == topic {
				resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
					Severity: sdk.SeverityWarning, Code: "woocommerce.webhook_twice",
					Summary: fmt.Sprintf("webhook %d delivers %s to the same address again", h.ID, topic), Do: "delete it in WooCommerce, Settings, Advanced, Webhooks",
				})
			}
		}
		h := hooks[at]
		body := map[string]string{}
		if h.Status != "active" {
			body["status"] = "active"
		}
		if assert {
			body["secret"] = s.webhookSecret
		}
		if len(body) == 0 {
			continue
		}
		if _, err := s.client.do(ctx, http.MethodPut, "webhooks/"+idText(h.ID), nil, body, nil); err != nil {
			s.forgetAssertion()
			return nil, fmt.Errorf("update the webhook %s: %w", topic, err)
		}
		if h.Status != "active" {
			resp.Reactivated = append(resp.Reactivated, topic)
		}
	}
	return resp, nil
}

func (s *shop) assertSecret() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.secretAsserted
	s.secretAsserted = true
	return first
}

func (s *shop) forgetAssertion() {
	s.mu.Lock()
	s.secretAsserted = false
	s.mu.Unlock()
}

// webhooksTo lists the webhooks that deliver to an address.
func (s *shop) webhooksTo(ctx context.Context, address string) ([]webhook, error) {
	var out []webhook
	for pageNo := int64(1); ; pageNo++ {
		var rows []webhook
		q := url.Values{"per_page": {idText(maxPage)}, "page": {idText(pageNo)}, "orderby": {"id"}, "order": {"asc"}}
		if _, err := s.client.get(ctx, "webhooks", q, &rows); err != nil {
			return nil, err
		}
		for _, h := range rows {
			if h.DeliveryURL == address {
				out = append(out, h)
			}
		}
		if len(rows) < maxPage {
			return out, nil
		}
	}
}

// Unregister implements sdk.Registrar.
func (c *Connector) Unregister(ctx context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	hooks, err := s.webhooksTo(ctx, req.URL)
	if err != nil {
		return nil, fmt.Errorf("list webhooks: %w", err)
	}
	resp := &sdk.UnregisterResponse{}
	for _, h := range hooks {
		// force, because webhooks have no trash.
		if _, err := s.client.do(ctx, http.MethodDelete, "webhooks/"+idText(h.ID), url.Values{"force": {"true"}}, nil, nil); err != nil && !isGone(err) {
			return nil, fmt.Errorf("delete the webhook %s: %w", h.Topic, err)
		}
		resp.Removed = append(resp.Removed, string(h.Topic))
	}
	s.forgetAssertion()
	return resp, nil
}
