package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password: the second of the settings that OWASP's password storage cheat sheet recommends for Argon2id.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// MinPassword and MaxPassword bound a password's length in characters. NIST SP 800-63B asks for 15 where nothing else is
// asked beside it, and against rules about kinds of characters; a boutique's phrase of three words has as many.
const (
	MinPassword = 12
	MaxPassword = 200
)

// ErrPassword tells that a password can't be used; the text says why and never quotes it.
var ErrPassword = errors.New("access: the password")

// checkPassword refuses what is easily guessed.
func checkPassword(name, password string) error {
	n := utf8.RuneCountInString(password)
	switch lower := strings.ToLower(password); {
	case !utf8.ValidString(password) || strings.ContainsAny(password, "\x00\r\n"):
		return fmt.Errorf("%w has characters that can't be typed", ErrPassword)
	case n < MinPassword:
		return fmt.Errorf("%w is too short: at least %d characters, such as three or four words", ErrPassword, MinPassword)
	case n > MaxPassword:
		return fmt.Errorf("%w is over %d characters", ErrPassword, MaxPassword)
	case strings.Contains(lower, strings.ToLower(name)) && len(name) > 3 || strings.Contains(lower, "password") || strings.Contains(lower, "jumpring"):
		return fmt.Errorf("%w holds a word that anybody would try", ErrPassword)
	case distinct(password) < 5:
		return fmt.Errorf("%w repeats the same few characters", ErrPassword)
	}
	return nil
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// hashPassword gives what is kept of a password, in the PHC string format.
func hashPassword(password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("access: %w", err)
	}
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, e.EncodeToString(salt), e.EncodeToString(key)), nil
}

// verifyPassword tells whether a password is the one that was hashed. It costs the same whether it is or not.
func verifyPassword(hash, password string) bool {
	var version, memory, time, threads int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || memory < 8 || memory > 1<<20 || time < 1 || time > 16 || threads < 1 || threads > 16 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, uint32(time), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1
}
