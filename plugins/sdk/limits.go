package sdk

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits reads from an answer how long the next request should wait; 0 when it need not. HTTPClient then holds back
// every request until then, and fails those whose context ends before it as not sent.
type Limits func(status int, header http.Header) time.Duration

// throttledPause is waited where a platform throttles and does not say for how long.
const throttledPause = time.Second

// RetryAfterLimits heeds Retry-After of 429, 503 and Shopify's 430 (RFC 9110, 10.2.3). It is what every client does that
// is given no other Limits.
func RetryAfterLimits(status int, header http.Header) time.Duration {
	wait := ParseRetryAfter(header.Get("Retry-After"), time.Now())
	switch status {
	case http.StatusTooManyRequests, 430:
		if wait == 0 {
			wait = throttledPause
		}
		return wait
	case http.StatusServiceUnavailable:
		return wait
	}
	return 0
}

// BigCommerceLimits heeds X-Rate-Limit-Requests-Left and -Time-Reset-Ms: when the window is used up, or on 429, it waits
// for the next one. A 429 without them means that the platform is overloaded.
func BigCommerceLimits(status int, header http.Header) time.Duration {
	left, err := strconv.Atoi(header.Get("X-Rate-Limit-Requests-Left"))
	reset, resetErr := strconv.ParseInt(header.Get("X-Rate-Limit-Time-Reset-Ms"), 10, 64)
	if resetErr == nil && (status == http.StatusTooManyRequests || err == nil && left <= 0) {
		return time.Duration(min(max(reset, 0), time.Hour.Milliseconds())) * time.Millisecond
	}
	return RetryAfterLimits(status, header)
}

// shopifyLeak is how fast Shopify's REST bucket empties on the smallest plan: two requests a second.
const shopifyLeak = 500 * time.Millisecond

// ShopifyRESTLimits heeds X-Shopify-Shop-Api-Call-Limit ("39/40"): with one request left it waits for the bucket to leak.
// The GraphQL API has CostBucket instead.
func ShopifyRESTLimits(status int, header http.Header) time.Duration {
	used, size, ok := strings.Cut(header.Get("X-Shopify-Shop-Api-Call-Limit"), "/")
	u, errU := strconv.Atoi(used)
	s, errS := strconv.Atoi(size)
	if wait := RetryAfterLimits(status, header); wait > 0 || !ok || errU != nil || errS != nil || u < s-1 {
		return wait
	}
	return shopifyLeak
}

// StandardLimits heeds RateLimit-Remaining and RateLimit-Reset (seconds), as the IETF's drafts name them, with or
// without "X-" before.
func StandardLimits(status int, header http.Header) time.Duration {
	for _, prefix := range []string{"", "X-"} {
		left, errLeft := strconv.ParseFloat(header.Get(prefix+"Ratelimit-Remaining"), 64)
		reset, errReset := strconv.ParseFloat(header.Get(prefix+"Ratelimit-Reset"), 64)
		// A reset of a year and more is a moment in Unix seconds, which some platforms send instead.
		if errLeft == nil && errReset == nil && left < 1 && reset > 0 && reset < 86400*365 {
			return time.Duration(min(reset, 3600) * float64(time.Second))
		}
	}
	return RetryAfterLimits(status, header)
}

// pause holds requests back until a moment.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *pause) extend(wait time.Duration) {
	if wait <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(wait); until.After(p.until) {
		p.until = until
	}
}

// wait returns when the pause is over, or an error at once where ctx would end before.
func (p *pause) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		left := time.Until(p.until)
		p.mu.Unlock()
		if left <= 0 {
			return nil
		}
		if end, ok := ctx.Deadline(); ok && time.Until(end) < left {
			return fmt.Errorf("%w: the platform asked for a pause that ends after the deadline", errFinal)
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
