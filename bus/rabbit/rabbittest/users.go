package rabbittest

import (
	"context"
	"fmt"
	"strings"
)

// AddUsers makes users with a password, where they are not there yet, each with all rights in a virtual host. Their names are letters, digits and dashes.
func (n *Node) AddUsers(ctx context.Context, vhost, password string, names ...string) error {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, `_ = (catch rabbit_auth_backend_internal:add_user(<<"%[1]s">>, <<"%[2]s">>, <<"test">>)), `+
			`ok = rabbit_auth_backend_internal:set_permissions(<<"%[1]s">>, <<"%[3]s">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>), `, name, password, vhost)
	}
	_, err := n.Eval(ctx, b.String()+"ok.")
	return err
}
