package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/store"
)

// Drift is the newest report of each connection, or all that are kept, the newest of each connection first.
type Drift struct {
	Reports []canon.DriftReport `json:"reports"`
	Running []string            `json:"running" doc:"Addresses of the jobs that are at it"`
}

// DriftKey is what verifies reports.
type DriftKey struct {
	Key string `json:"key" doc:"The public key that this hub signs reports without rows with: Ed25519 (RFC 8032), in base64"`
}

func (a *API) drift(c *fiber.Ctx, who access.Principal) error {
	only, kept := query(c, "connection"), query(c, "kept") == "true"
	out := Drift{Reports: []canon.DriftReport{}, Running: []string{}}
	err := a.look(func(v store.View) error {
		reports, err := reconcile.Reports(v, only)
		for i := range reports {
			if kept || i == 0 || reports[i-1].Connection != reports[i].Connection {
				out.Reports = append(out.Reports, reports[i])
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, job := range a.jobs.list() {
		if job.Kind == "drift" && job.State == "running" && (only == "" || job.Connection == only || job.Connection == "") {
			out.Running = append(out.Running, job.URL)
		}
	}
	return show(c, who, out)
}

func (a *API) driftKey(c *fiber.Ctx, _ access.Principal) error {
	key, err := a.Hub.DriftKey(a.ctx)
	if err != nil {
		return err
	}
	return c.JSON(DriftKey{Key: key})
}

// DriftToRepair is the body of putting one row of drift right.
type DriftToRepair struct {
	Binding string `json:"binding" minLength:"1" maxLength:"1024" doc:"The row's external_id"`
	Kind    string `json:"kind,omitempty" maxLength:"32" doc:"The row's kind; level where it is left out"`
}

func (a *API) driftRepair(c *fiber.Ctx, who access.Principal) error {
	b, err := read[DriftToRepair](a, c)
	if err != nil {
		return err
	}
	return do[canon.DriftRepaired](a, c, who, canon.Command{Role: string(who.Role), RepairDrift: &canon.RepairDrift{
		Connection: parameter(c, "name"), Kind: canon.Kind(b.Kind), Binding: b.Binding,
	}}, nil)
}
