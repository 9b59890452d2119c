package api

// Line is a line of a basket. Number and name stay where they came from: what the
// till goes by is the category, in a spelling of the shop's own list of intents, and
// how large the price of one piece is.
type Line struct {
	SKU      string `json:"sku,omitempty" maxLength:"64" doc:"The POS's number of it; not kept"`
	Name     string `json:"name,omitempty" maxLength:"127" doc:"What it is called; not kept"`
	Category string `json:"category" minLength:"1" maxLength:"64" example:"food" doc:"As the intents of the shop name it; any other is taken as other"`
	Quantity int    `json:"quantity" minimum:"1" maximum:"9999" doc:"How many pieces"`
	Amount   string `json:"amount" minLength:"1" maxLength:"24" example:"12.80" doc:"What the line costs, all pieces together, in the currency of the sale"`
}
