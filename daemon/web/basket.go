package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"qrposd/daemon/api"
	"qrposd/rules/money"
)

// maxLines is what a basket may hold: what is said of a sale tells the payment
// provider how it was rung up and is no receipt.
const maxLines = 32

// Item is a line of a basket that was held against its sale: the category as the
// POS wrote it, how many, and the price of one in minor units.
type Item struct {
	Category string
	Quantity int
	Each     int64
}

// readBasket holds a basket against the amount of its sale. A basket of another
// amount is another sale's, and what is judged by it would be judged by a mistake.
func readBasket(lines []api.Line, total money.Money) ([]Item, error) {
	refuse := func(format string, args ...any) ([]Item, error) {
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "basket_mismatch", "the basket cannot be used: "+fmt.Sprintf(format, args...),
			"send 1 to 32 lines whose amounts add up to the amount of the sale, or leave the basket out")
	}
	if len(lines) > maxLines {
		return refuse("it has %d lines", len(lines))
	}
	var items []Item
	sum := int64(0)
	for i, l := range lines {
		m, err := money.Parse(l.Amount, total.Currency)
		switch {
		case err != nil:
			if fault, ok := errors.AsType[*money.Error](err); ok {
				return refuse("line %d: %s", i+1, fault.Message)
			}
			return refuse("line %d: %v", i+1, err)
		case l.Quantity < 1 || l.Quantity > 9999 || l.Category == "" || len(l.Category) > 256:
			return refuse("line %d has no quantity or no category", i+1)
		}
		sum += m.Minor // at most 32 times the most a sale can be
		items = append(items, Item{l.Category, l.Quantity, m.Minor / int64(l.Quantity)})
	}
	if len(lines) > 0 && sum != total.Minor {
		return refuse("its lines are %s together and the sale is %s", money.Money{Minor: sum, Currency: total.Currency}.Decimal(), total.Decimal())
	}
	return items, nil
}

// asks is a basket for the digest of what is asked under an idempotency key. A
// request without one has the digest that it always had.
func asks(lines []api.Line) (list []string) {
	for _, l := range lines {
		list = append(list, l.SKU, l.Name, l.Category, strconv.Itoa(l.Quantity), l.Amount)
	}
	return list
}
