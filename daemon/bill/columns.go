package bill

import (
	"fmt"
	"strings"
)

// column is what a column of the bill says, whatever it is called.
type column int

const (
	colTime column = iota
	colMerchant
	colSubMerchant
	colTransaction
	colOrderNo
	colState
	colCurrency
	colAmount
	colSettled
	colRefundID
	colRefundNo
	colRefund
	colRefundAsked
	colVoucherBack
	colRefundState
	colFee
	colName
	colAttach
	columns
)

// names of the columns, the present one first.
var names = [columns][]string{
	colTime: {"交易时间"}, colMerchant: {"商户号"}, colSubMerchant: {"特约商户号", "子商户号"},
	colTransaction: {"微信订单号"}, colOrderNo: {"商户订单号"}, colState: {"交易状态"}, colCurrency: {"货币种类"},
	colAmount: {"订单金额", "总金额"}, colSettled: {"应结订单金额"},
	colRefundID: {"微信退款单号"}, colRefundNo: {"商户退款单号"}, colRefund: {"退款金额"}, colRefundAsked: {"申请退款金额"},
	colVoucherBack: {"充值券退款金额", "企业红包退款金额"}, colRefundState: {"退款状态"}, colFee: {"手续费"},
	colName: {"商品名称"}, colAttach: {"商户数据包"},
}

// needed are the columns without which a bill cannot be held against a shop.
var needed = [...]column{
	colTime, colMerchant, colTransaction, colOrderNo, colState, colCurrency, colAmount, colRefundNo, colRefund, colRefundState,
}

// countName is the first name of the summary, and how it is told from a row.
const countName = "总交易单数"

// sums says which column a name of the summary adds up.
var sums = map[string]column{
	"应结订单总金额": colSettled, "退款总金额": colRefund, "总退款金额": colRefund, "充值券退款总金额": colVoucherBack,
	"总企业红包退款金额": colVoucherBack, "手续费总金额": colFee, "订单总金额": colAmount, "总交易额": colAmount, "申请退款总金额": colRefundAsked,
}

// layout is where the columns of one bill stand.
type layout struct {
	at    [columns]int // -1 where there is none
	width int
}

func readHeader(line string) (layout, error) {
	l := layout{}
	for i := range l.at {
		l.at[i] = -1
	}
	heads := strings.Split(line, ",")
	l.width = len(heads)
	for i, h := range heads {
		h = strings.TrimPrefix(strings.TrimSpace(h), "`")
		for c, called := range names {
			for _, name := range called {
				if h != name {
					continue
				}
				if l.at[c] >= 0 {
					return l, fmt.Errorf("the column %s is there twice", name)
				}
				l.at[c] = i
			}
		}
	}
	for _, c := range needed {
		if l.at[c] < 0 {
			return l, fmt.Errorf("the column %s is missing", names[c][0])
		}
	}
	return l, nil
}

// split cuts a row into its fields. Only the product's name and the shop's own data
// are free text and may hold what separates fields: where there are fields too many,
// those between the columns before and behind them are theirs.
func (l *layout) split(line string, fields []string) ([]string, error) {
	rest, ok := strings.CutPrefix(line, "`")
	if !ok {
		return nil, fmt.Errorf("a field does not begin with a back quote")
	}
	fields = fields[:0]
	for {
		field, after, more := strings.Cut(rest, ",`")
		if len(fields) == maxFields {
			return nil, fmt.Errorf("it has more than %d fields", maxFields)
		}
		fields = append(fields, field)
		if !more {
			break
		}
		rest = after
	}
	surplus := len(fields) - l.width
	if surplus == 0 {
		return fields, nil
	}
	name, attach := l.at[colName], l.at[colAttach]
	if surplus < 0 || name < 0 || attach >= 0 && attach != name+1 && name != attach+1 {
		return nil, fmt.Errorf("it has %d fields where the header has %d", len(fields), l.width)
	}
	last := max(name, attach)
	return append(fields[:last], fields[last+surplus:]...), nil
}

// get is the field of a column, "" where the bill has no such column.
func (l *layout) get(fields []string, c column) string {
	if l.at[c] < 0 {
		return ""
	}
	return fields[l.at[c]]
}
