package tape

import (
	"reflect"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// isSecret tells by a word, as wordOf makes it, that what it names is a credential or proves one.
func isSecret(word string) bool {
	for _, part := range []string{
		"token", "secret", "password", "passwd", "passphrase", "signature", "hmac", "apikey", "authorization", "assertion", "credential",
		"cookie", "privatekey", "cardnumber",
	} {
		if strings.Contains(word, part) {
			return true
		}
	}
	return secretWords[word] || strings.HasPrefix(word, "oauth")
}

var secretWords = set("auth", "username", "consumerkey", "sessionid", "jwt", "cvv", "cvc", "pan", "iban", "accountnumber", "nonce", "codeverifier")

// secretInQuery are words that name a secret in a query or form alone: in an answer they are error codes and the like.
var secretInQuery = set("code", "sig", "key")

// givesTokens tells by a path that credentials are had from it.
func givesTokens(path string) bool {
	word := strings.ToLower(path)
	return strings.Contains(word, "token") || strings.Contains(word, "oauth") || strings.HasSuffix(word, "/login")
}

// people are words under which a person or a postal address stands.
var people = set(
	"customer", "customers", "buyer", "recipient", "person", "contact", "contacts", "user", "billing", "shipping", "address", "addresses",
	"billingaddress", "shippingaddress", "defaultaddress", "shiptoaddress", "billtoaddress",
)

// personalWithin are words that are personal where a person or an address has them, and words for anything elsewhere.
var personalWithin = set(
	"name", "title", "prefix", "suffix", "company", "note", "notes", "city", "region", "province", "street", "value", "login", "nickname", "label", "displayname", "locality",
)

// personal are words that are personal wherever they stand: what the model calls so, and what platforms call it.
var personal = func() map[string]bool {
	out := set(
		"email", "phone", "telephone", "mobile", "mobilephone", "phonenumber", "fax", "firstname", "lastname", "givenname", "familyname", "middlename",
		"fullname", "surname", "customername", "contactname", "customernote", "street", "streets", "address1", "address2", "addressline1",
		"addressline2", "postcode", "zip", "zipcode", "postalcode", "birthday", "birthdate", "dateofbirth", "dob", "vatid", "taxvat", "taxid", "gender",
		"ip", "ipaddress", "remoteip", "browserip", "clientip", "customeripaddress", "customeruseragent", "xforwardedfor", "latitude", "longitude",
	)
	for _, t := range []reflect.Type{reflect.TypeFor[canon.PersonState](), reflect.TypeFor[canon.AddressState]()} {
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Tag.Get("class") != "personal" || f.Type.Kind() == reflect.Struct || personalWithin[wordOf(name)] || ordinary[wordOf(name)] {
				continue
			}
			out[wordOf(name)] = true
		}
	}
	return out
}()

// ordinary are words of a person in the model that name anything else at platforms.
var ordinary = set("locale", "contacts", "addresses", "externalaccounts", "relations", "country", "kind", "state", "id", "default", "type")

func set(words ...string) map[string]bool {
	out := make(map[string]bool, len(words))
	for _, w := range words {
		out[w] = true
	}
	return out
}
