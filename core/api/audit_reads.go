package api

import (
	"context"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/audit"
)

// proofDeadline is how long a running hub looks at its seals before it gives up.
const proofDeadline = 100 * time.Second

// AuditProof is what a look at the seals of a running hub found.
type AuditProof struct {
	OK      bool      `json:"ok"`
	At      time.Time `json:"at"`
	Journal uint64    `json:"journal_end" doc:"Offset of the journal's newest batch"`
	Seals   int       `json:"seals"`
	Through uint64    `json:"sealed_through" doc:"Offset of the newest seal; what came after it is not proved"`
	Reads   uint64    `json:"sealed_reads" doc:"Lines of the log of reads that the newest seal covers"`
	Fault   string    `json:"fault,omitempty" doc:"What is missing or altered"`
}

// readsPage is how many reads are shown where nobody says.
const readsPage = 50

func (a *API) auditReads(c *fiber.Ctx, _ access.Principal) error {
	keeper, err := a.auditor()
	if err != nil {
		return err
	}
	p, err := pagingOf(c)
	if err != nil {
		return err
	}
	ask := audit.ReadsAsked{
		Actor: query(c, "actor"), Role: query(c, "role"), Route: query(c, "route"), Record: query(c, "record"), Class: query(c, "class"), Limit: p.Limit,
	}
	if ask.Limit == 0 {
		ask.Limit = readsPage
	}
	if ask.From, err = momentOf(c, "from", time.Time{}); err != nil {
		return err
	}
	if ask.To, err = momentOf(c, "to", time.Time{}); err != nil {
		return err
	}
	if p.Cursor != "" {
		if ask.Before, err = strconv.ParseInt(p.Cursor, 10, 64); err != nil || ask.Before <= 0 {
			return parameterProblem("cursor", "give next_cursor of the page before")
		}
	}
	found, err := keeper.Reads(ask)
	if err != nil {
		return err
	}
	next := ""
	if found.Before > 0 {
		next = strconv.FormatInt(found.Before, 10)
	}
	return sendPage(c, found.Reads, next)
}

func (a *API) auditVerify(c *fiber.Ctx, _ access.Principal) error {
	keeper, err := a.auditor()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, proofDeadline)
	defer cancel()
	proof, err := keeper.Prove(ctx)
	if err != nil {
		return err
	}
	return c.JSON(proof)
}
