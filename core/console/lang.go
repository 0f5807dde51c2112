package console

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/language"
)

//go:embed lang/*.json
var catalogues embed.FS

// languages are those that the console speaks, the first one where nothing else fits. A new one is a new file of lang
// with the same keys.
var languages = []string{"en", "fr"}

var matcher = language.NewMatcher([]language.Tag{language.English, language.French})

const languageCookie = "jumpring-lang"

// languageOf gives the language of a request: the chosen one, else what the browser asks for.
func languageOf(c *fiber.Ctx) string {
	if chosen := c.Cookies(languageCookie); slices.Contains(languages, chosen) {
		return strings.Clone(chosen)
	}
	asked, _, err := language.ParseAcceptLanguage(c.Get(fiber.HeaderAcceptLanguage))
	if err != nil {
		return languages[0]
	}
	_, i, _ := matcher.Match(asked...)
	return languages[i]
}

// catalogue is the words of one language by key.
type catalogue map[string]string

func readCatalogue(lang string) (catalogue, error) {
	raw, err := catalogues.ReadFile("lang/" + lang + ".json")
	if err != nil {
		return nil, fmt.Errorf("console: the words of %s: %w", lang, err)
	}
	words := catalogue{}
	if err := json.Unmarshal(raw, &words); err != nil {
		return nil, fmt.Errorf("console: the words of %s: %w", lang, err)
	}
	return words, nil
}

// say gives a key's words with the arguments in place of %s and %d.
func (w catalogue) say(key string, args ...any) string {
	text, ok := w[key]
	if !ok {
		return key
	}
	if len(args) > 0 {
		return fmt.Sprintf(text, args...)
	}
	return text
}

// word gives what a code of the model is called, and the code itself, made readable, where the catalogue has none.
func (w catalogue) word(kind string, code any) string {
	c := fmt.Sprint(code)
	if text, ok := w[kind+"."+c]; ok {
		return text
	}
	return strings.ReplaceAll(c, "_", " ")
}

func (w catalogue) keys() []string { return slices.Sorted(maps.Keys(w)) }

// language chooses a language for this browser.
func (k *Console) language(r *request) error {
	if to := r.query("to"); slices.Contains(languages, to) {
		k.setCookie(r.Ctx, languageCookie, to, 365*24*3600)
	}
	return r.Redirect(local(r.query("back")), fiber.StatusSeeOther)
}
