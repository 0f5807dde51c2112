package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

var approvalColumns = []column{
	{"id", "id"}, {"command", "name"}, {"about", "subject"}, {"status", "status"}, {"asked by", "asked_by"}, {"asked at", "asked_at"}, {"until", "until"}, {"decided by", "decided_by"}, {"reason", "reason"},
}

func newApproval(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List commands that wait for a second person", Args: exactly(0)}
	query := filters(list, map[string]string{"status": "pending, confirmed, refused or expired"})
	list.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/approvals", query(), 0, approvalColumns)
	}
	at := func(id, rest string) string { return "/v1/approvals/" + url.PathEscape(id) + rest }
	show := &cobra.Command{Use: "show ID", Short: "Show what waits", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args[0], ""), approvalColumns)
	}}
	confirm := &cobra.Command{Use: "confirm ID", Short: "Confirm it as the second person: it is carried out", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.posted(c, at(args[0], "/confirm"), map[string]any{}, approvalColumns)
	}}
	refuse := &cobra.Command{Use: "refuse ID", Short: "Refuse it", Args: exactly(1)}
	reason := refuse.Flags().String("reason", "", "why")
	refuse.RunE = func(c *cobra.Command, args []string) error {
		return con.posted(c, at(args[0], "/refuse"), map[string]any{"reason": *reason}, approvalColumns)
	}
	return group("approval", "Commands that take a second person", list, show, confirm, refuse)
}
