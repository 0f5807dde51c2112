package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/alarm"
	"github.com/jumpring/jumpring/core/problem"
)

// Supporter is a Hub that makes a support bundle: a zip archive without secrets and without personal data.
type Supporter interface {
	Support(ctx context.Context) ([]byte, error)
}

// supportDeadline is how long a bundle may take.
const supportDeadline = time.Minute

// dayTwoRoutes is the part of the table for who looks after a hub that runs.
func dayTwoRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/support", name: "support", summary: "Make a support bundle: a zip archive of how the hub does, without secrets and without personal data.",
			needs: access.HubManage, gives: gives{status: http.StatusOK, media: "application/zip"}, handle: (*API).support,
		},
		{
			method: http.MethodGet, path: "/v1/alarms", name: "alarms", summary: "List the alarms that stand and that are over, and how each way of telling does.", needs: access.AlarmsRead,
			gives: json200(Alarms{}), handle: (*API).alarms,
		},
		{
			method: http.MethodPost, path: "/v1/alarms/test/{name}", name: "alarm-test", summary: "Tell a test by one way, now, and say what came of it.", needs: access.HubManage,
			gives: json200(AlarmTold{}), handle: (*API).alarmTest,
		},
		{
			method: http.MethodGet, path: "/v1/backups", name: "backups", summary: "Show how the schedule of backups does.", needs: access.HubManage,
			gives: json200(BackupStatus{}), handle: (*API).backups,
		},
		{
			method: http.MethodPost, path: "/v1/backups", name: "backup-now", summary: "Make a backup of the schedule now.", needs: access.HubManage,
			gives: json200(BackupMade{}), handle: (*API).backupNow,
		},
	}
}

func (a *API) support(c *fiber.Ctx, _ access.Principal) error {
	s, ok := a.Hub.(Supporter)
	if !ok {
		return problem.New(problem.RouteUnknown, "this hub makes no support bundle")
	}
	ctx, cancel := context.WithTimeout(a.ctx, supportDeadline)
	defer cancel()
	raw, err := s.Support(ctx)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	return c.Send(raw)
}

// Alarmed is a Hub that tells people outside when it needs them.
type Alarmed interface {
	// Alarms gives the alarms, the newest first, and how each way of telling does.
	Alarms() ([]alarm.Alarm, []alarm.WayStatus)
	// TestAlarm tells something by one way, now.
	TestAlarm(ctx context.Context, way string) error
}

// Alarms are those that stand, those that are over, and how they are told.
type Alarms struct {
	Standing []alarm.Alarm     `json:"standing" doc:"The newest first"`
	Over     []alarm.Alarm     `json:"over" doc:"The newest 100 that are over"`
	Ways     []alarm.WayStatus `json:"ways"`
}

// AlarmTold says that a test arrived, as far as the receiver said so.
type AlarmTold struct {
	Way    string    `json:"way"`
	ToldAt time.Time `json:"told_at"`
}

// alarmDeadline is how long a test may take.
const alarmDeadline = 35 * time.Second

func (a *API) alarmed() (Alarmed, error) {
	h, ok := a.Hub.(Alarmed)
	if !ok {
		return nil, problem.New(problem.RouteUnknown, "this hub has no alarms")
	}
	return h, nil
}

func (a *API) alarms(c *fiber.Ctx, _ access.Principal) error {
	h, err := a.alarmed()
	if err != nil {
		return err
	}
	all, ways := h.Alarms()
	out := Alarms{Standing: []alarm.Alarm{}, Over: []alarm.Alarm{}, Ways: ways}
	for i := range all {
		if all[i].Stands() {
			out.Standing = append(out.Standing, all[i])
		} else {
			out.Over = append(out.Over, all[i])
		}
	}
	return c.JSON(out)
}

func (a *API) alarmTest(c *fiber.Ctx, _ access.Principal) error {
	h, err := a.alarmed()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, alarmDeadline)
	defer cancel()
	way := parameter(c, "name")
	if err := h.TestAlarm(ctx, way); err != nil {
		return err
	}
	return c.JSON(AlarmTold{Way: way, ToldAt: time.Now().UTC()})
}

// BackedUp is a Hub that backs itself up on a schedule.
type BackedUp interface {
	Backups() (*BackupStatus, error)
	// BackUp makes a backup of the schedule now.
	BackUp(ctx context.Context) (*BackupMade, error)
}

// BackupStatus is how the schedule of backups does.
type BackupStatus struct {
	Scheduled bool          `json:"scheduled"`
	Every     string        `json:"every,omitempty"`
	Folder    string        `json:"folder,omitempty" doc:"On the hub's machine"`
	Verify    bool          `json:"verify,omitempty" doc:"Each is restored and checked"`
	Newest    time.Time     `json:"newest,omitzero" doc:"When the newest good one was made"`
	Failed    bool          `json:"failed,omitempty" doc:"The newest try failed; the hub's log says why"`
	FailedAt  time.Time     `json:"failed_at,omitzero"`
	Backups   []BackupShown `json:"backups" doc:"The newest first"`
}

// BackupShown is one backup.
type BackupShown struct {
	File       string    `json:"file"`
	MadeAt     time.Time `json:"made_at"`
	Bytes      int64     `json:"bytes"`
	VerifiedAt time.Time `json:"verified_at,omitzero" doc:"When it was restored and checked"`
}

// BackupMade is a backup that was made.
type BackupMade struct {
	File       string    `json:"file"`
	MadeAt     time.Time `json:"made_at"`
	Journal    string    `json:"journal" doc:"The journal's id"`
	Last       uint64    `json:"last" doc:"Offset of the newest batch in it"`
	VerifiedAt time.Time `json:"verified_at,omitzero"`
}

// backupDeadline is how long a backup may be waited for.
const backupDeadline = 2 * time.Hour

func (a *API) backedUp() (BackedUp, error) {
	h, ok := a.Hub.(BackedUp)
	if !ok {
		return nil, problem.New(problem.RouteUnknown, "this hub makes no backups")
	}
	return h, nil
}

func (a *API) backups(c *fiber.Ctx, _ access.Principal) error {
	h, err := a.backedUp()
	if err != nil {
		return err
	}
	out, err := h.Backups()
	if err != nil {
		return err
	}
	return c.JSON(out)
}

func (a *API) backupNow(c *fiber.Ctx, _ access.Principal) error {
	h, err := a.backedUp()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, backupDeadline)
	defer cancel()
	made, err := h.BackUp(ctx)
	if err != nil {
		return err
	}
	return c.JSON(made)
}
