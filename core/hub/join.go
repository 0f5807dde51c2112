package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/jumpring/jumpring/core/api"
)

// Join is another node that hands over a snapshot of its view.
type Join struct {
	// URL is its address, without a slash at the end.
	URL string
	// Token is one of an admin there.
	Token string
}

var snapshotName = regexp.MustCompile(`^view-[0-9a-z.-]{1,80}\.snapshot$`)

// joinTimeout bounds how long a snapshot may take to arrive.
const joinTimeout = 30 * time.Minute

// fetch puts the other node's snapshot into a folder. It is checked when it is loaded: whole, and of this journal.
func (j *Join) fetch(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.URL+"/v1/snapshot", http.NoBody)
	if err != nil {
		return fmt.Errorf("hub: join: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+j.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("hub: join: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	name := res.Header.Get(api.HeaderSnapshot)
	if res.StatusCode != http.StatusOK || !snapshotName.MatchString(name) {
		return fmt.Errorf("hub: join: %s answers %s", j.URL, res.Status)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("hub: join: %w", err)
	}
	path := filepath.Join(folder, name)
	f, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("hub: join: %w", err)
	}
	_, err = io.Copy(f, res.Body)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".tmp", path)
	}
	if err != nil {
		return fmt.Errorf("hub: join: %w", err)
	}
	return nil
}
