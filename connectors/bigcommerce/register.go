package bigcommerce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/jumpring/jumpring/plugins/sdk"
)

type hook struct {
	ID          int64             `json:"id"`
	Scope       string            `json:"scope"`
	Destination string            `json:"destination"`
	Active      bool              `json:"is_active"`
	Headers     map[string]string `json:"headers"`
}

// Register implements sdk.Registrar. A webhook that the platform switched off, because it failed for two days or had nothing
// to tell for three months, is switched on again. Webhooks are seen by the API account alone that made them.
func (c *Connector) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.RegisterResponse{}
	if u, err := url.Parse(req.URL); err != nil || u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityWarning, Code: "bigcommerce.webhook_address", Path: "public_url", Summary: "the platform delivers to https on port 443 only",
			Do: "give the hub a public address with https on port 443; until then everything is polled",
		})
		if s.cfg.root.Scheme == "https" {
			return resp, nil
		}
	}
	hooks, err := s.hooksTo(ctx, req.URL)
	if err != nil {
		return nil, paced(fmt.Errorf("list webhooks: %w", err))
	}
	headers := map[string]string{}
	if own := s.cfg.secrets[secretHook]; own != "" {
		headers[hookHeader] = own
	}
	for _, scope := range scopes {
		at := slices.IndexFunc(hooks, func(h hook) bool { return h.Scope == scope })
		if at < 0 {
			body := map[string]any{"scope": scope, "destination": req.URL, "is_active": true, "headers": headers}
			if _, err := s.client.do(ctx, http.MethodPost, "v3/hooks", nil, body, nil); err != nil {
				return nil, paced(fmt.Errorf("create the webhook %s: %w", scope, err))
			}
			resp.Created = append(resp.Created, scope)
			continue
		}
		h := hooks[at]
		body := map[string]any{}
		if !h.Active {
			body["is_active"] = true
		}
		if h.Headers[hookHeader] != headers[hookHeader] {
			body["headers"] = headers
		}
		if len(body) == 0 {
			continue
		}
		if _, err := s.client.do(ctx, http.MethodPut, "v3/hooks/"+idText(h.ID), nil, body, nil); err != nil {
			return nil, paced(fmt.Errorf("update the webhook %s: %w", scope, err))
		}
		if !h.Active {
			resp.Reactivated = append(resp.Reactivated, scope)
		}
	}
	return resp, nil
}

// hooksTo lists the webhooks that deliver to an address.
func (s *store) hooksTo(ctx context.Context, address string) ([]hook, error) {
	all, err := all3[hook](ctx, s, "hooks", nil)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(h hook) bool { return h.Destination != address }), nil
}

// Unregister implements sdk.Registrar.
func (c *Connector) Unregister(ctx context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	s, err := c.opened()
	if err != nil {
		return nil, err
	}
	hooks, err := s.hooksTo(ctx, req.URL)
	if err != nil {
		return nil, paced(fmt.Errorf("list webhooks: %w", err))
	}
	resp := &sdk.UnregisterResponse{}
	for _, h := range hooks {
		if _, err := s.client.do(ctx, http.MethodDelete, "v3/hooks/"+idText(h.ID), nil, nil, nil); err != nil && !isGone(err) {
			return nil, paced(fmt.Errorf("delete the webhook %s: %w", h.Scope, err))
		}
		resp.Removed = append(resp.Removed, h.Scope)
	}
	return resp, nil
}
