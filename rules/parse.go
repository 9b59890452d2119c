package rules

import "fmt"

// The bounds of one condition. They are far beyond what a person writes and
// reads, and keep a file from costing a till its time or its stack.
const (
	MaxCondition = 2000 // bytes
	maxDepth     = 40   // parentheses and operators inside each other
	maxNodes     = 300
)

// syntax is a parsed expression before anybody knows what its names mean.
type syntax struct {
	op   lexeme // lexName, lexNumber, lexString, an operator, or lexCall
	text string
	at   int
	args []*syntax
}

const lexCall lexeme = "a call"

// precedence is Go's.
var precedence = map[lexeme]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
	"+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}

// parser climbs by precedence (Pratt).
type parser struct {
	tokens []token
	nodes  int
	depth  int
}

// parse reads one expression. Offsets of flaws are into src.
func parse(src string) (*syntax, *flaw) {
	if len(src) > MaxCondition {
		return nil, &flaw{TooMuch, MaxCondition, fmt.Sprintf("a condition of %d bytes is longer than %d", len(src), MaxCondition), "split it into rules of their own: the strictest that fires wins"}
	}
	tokens, bad := scan(src)
	if bad != nil {
		return nil, bad
	}
	p := &parser{tokens: tokens}
	if p.peek().lex == lexEnd {
		return nil, &flaw{Missing, 0, "there is no condition", `write one, such as 'amount > CNY(300.00)', or 'true' for every sale`}
	}
	e, bad := p.binary(1)
	if bad != nil {
		return nil, bad
	}
	if t := p.peek(); t.lex != lexEnd {
		return nil, &flaw{Syntax, t.at, fmt.Sprintf("%s follows where an operator belongs", t), "join two comparisons with && or ||"}
	}
	return e, nil
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) next() token {
	t := p.tokens[0]
	if t.lex != lexEnd {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) node(e syntax) (*syntax, *flaw) {
	p.nodes++
	if p.nodes > maxNodes {
		return nil, &flaw{TooMuch, e.at, fmt.Sprintf("the condition has more than %d parts", maxNodes), "split it into rules of their own: the strictest that fires wins"}
	}
	return &e, nil
}

// binary reads operators that bind at least as tightly as least.
func (p *parser) binary(least int) (*syntax, *flaw) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, &flaw{TooMuch, p.peek().at, fmt.Sprintf("more than %d levels of parentheses", maxDepth), "split it into rules of their own: the strictest that fires wins"}
	}
	left, bad := p.unary()
	for bad == nil {
		t := p.peek()
		level := precedence[t.lex]
		if level < least || level == 0 {
			return left, nil
		}
		p.next()
		var right *syntax
		if right, bad = p.binary(level + 1); bad != nil {
			break
		}
		if level == 3 && precedence[left.op] == 3 && len(left.args) == 2 && !left.grouped() {
			return nil, &flaw{Syntax, t.at, fmt.Sprintf("comparisons do not chain (%s after %s)", t.lex, left.op), "write between(x, low, high), or join them with &&"}
		}
		left, bad = p.node(syntax{op: t.lex, at: t.at, args: []*syntax{left, right}})
	}
	return nil, bad
}

// grouped says that parentheses were around e; the parser marks them in text.
func (e *syntax) grouped() bool { return e.text == "(" }

func (p *parser) unary() (*syntax, *flaw) {
	t := p.next()
	switch t.lex {
	case "!", "-":
		p.depth++
		defer func() { p.depth-- }()
		if p.depth > maxDepth {
			return nil, &flaw{TooMuch, t.at, fmt.Sprintf("more than %d levels of operators", maxDepth), "split it into rules of their own"}
		}
		x, bad := p.unary()
		if bad != nil {
			return nil, bad
		}
		return p.node(syntax{op: t.lex, at: t.at, args: []*syntax{x}})
	case "(":
		e, bad := p.binary(1)
		if bad != nil {
			return nil, bad
		}
		if end := p.next(); end.lex != ")" {
			return nil, &flaw{Syntax, end.at, fmt.Sprintf("%s where ) belongs", end), fmt.Sprintf("close the parenthesis of column %d of the condition", t.at+1)}
		}
		if len(e.args) == 2 && e.op != lexCall {
			e.text = "("
		}
		return e, nil
	case lexName:
		if p.peek().lex == "(" {
			return p.call(t)
		}
		return p.node(syntax{op: lexName, text: t.text, at: t.at})
	case lexNumber, lexString:
		return p.node(syntax{op: t.lex, text: t.text, at: t.at})
	}
	return nil, &flaw{Syntax, t.at, fmt.Sprintf("%s where a value belongs", t), "a value is a field, a number, an amount such as CNY(300.00) or a text"}
}

// call reads the arguments of name.
func (p *parser) call(name token) (*syntax, *flaw) {
	p.next()
	e := syntax{op: lexCall, text: name.text, at: name.at}
	for p.peek().lex != ")" {
		if len(e.args) > 0 {
			if t := p.next(); t.lex != "," {
				return nil, &flaw{Syntax, t.at, fmt.Sprintf("%s where , or ) belongs", t), fmt.Sprintf("close the parenthesis of %.20s(", name.text)}
			}
			if p.peek().lex == ")" { // a comma may trail, as in Go
				break
			}
		}
		arg, bad := p.binary(1)
		if bad != nil {
			return nil, bad
		}
		e.args = append(e.args, arg)
	}
	p.next()
	return p.node(e)
}
