package intent

import "strings"

// Other is the category of what no intent of the file speaks of.
const Other = "other"

// Category is a category in the spelling of the file, or Other. What comes from
// outside as a category may be anything, a customer's name included; what goes on
// from here is a word that the merchant wrote.
func (c *Classifier) Category(word string) string {
	for i := range c.intents {
		for _, known := range c.intents[i].basket {
			if strings.EqualFold(known, word) {
				return known
			}
		}
	}
	return Other
}
