// Package webhookout is the connector that tells others what happens in the hub: each change of a record that the
// connection asked for goes out as a POST with one CloudEvents 1.0 event in JSON, signed as Standard Webhooks
// (standardwebhooks.com) has it.
//
// The hub owns the order, the retries and what could not be delivered; the connector makes one request a change and says
// what became of it:
//
//	2xx            delivered
//	410            nothing more is sent until a person has looked
//	anything else  tried again; Retry-After is heeded
//
// A receiver knows by the header webhook-id what it has had before: it is the same for each attempt and for ever.
package webhookout
