package api

import "time"

// Level is how well one thing works that the till depends on.
type Level string

// The levels. Off is what was never configured and is missed by nobody.
const (
	OK      Level = "ok"
	Trouble Level = "trouble" // it works, badly
	Down    Level = "down"
	Off     Level = "off"
)

// Part is one thing the till depends on.
type Part struct {
	Level  Level     `json:"level" enum:"ok,trouble,down,off"`
	Detail string    `json:"detail,omitempty" doc:"For whoever repairs it"`
	Since  time.Time `json:"since,omitzero" doc:"Of the level, where it is known"`
}

// Health is what the daemon knows of itself at a moment.
type Health struct {
	Store   Part `json:"store" doc:"The file everything owed is kept in"`
	Network Part `json:"network" doc:"The shop's way to the internet"`
	Gateway Part `json:"gateway" doc:"The payment provider"`
	Scanner Part `json:"scanner" doc:"The scanner on its port"`
	Clock   Part `json:"clock" doc:"Whether the wall clock can be trusted"`
	// Rejections are of payments, by the payment AI API.
	Rejections Part `json:"rejections" doc:"Whether the payment AI API refuses more than usual"`

	Judge Part `json:"judge" doc:"Who judges sales: models in time, or the rules alone"`
	Bills Part `json:"bills" doc:"Whether the provider's bills come and are compared"`
	// Salvage is in trouble while the till runs on a store that was put together.
	Salvage Part `json:"salvage" doc:"Whether the journal is written a second time, and whether the store was put together from it"`

	Backup Part `json:"backup" doc:"Whether backups are made by themselves, and the last one"`

	// Link is which kind of offline it is; the zero Link is not told.
	Link  *Link `json:"link,omitempty" doc:"The way to the provider, and which kind of offline it is"`
	Cases Part  `json:"cases" doc:"How many cases wait for the owner, and for how long the oldest"`
	Queue Part  `json:"queue" doc:"What is owed to customers and not done, and for how long"`
}

// Ready says that the till can take a sale. The network is not part of it: a
// service manager that restarts a till for want of a network mends nothing.
func (h Health) Ready() bool { return h.Store.Level == OK || h.Store.Level == Trouble }

// notices are the causes a cashier can do something about, each by itself: a
// pulled cable, a fault at the provider and a lost scanner have different
// remedies.
var notices = map[string]Text{
	"store_down":         {"The till cannot write to its disk. Take no sale; call support.", "本机无法写入磁盘。请勿收款，并联系技术支持。"},
	"store_trouble":      {"The till's disk is nearly full or failing. Call support.", "本机磁盘将满或有故障，请联系技术支持。"},
	"salvage_trouble":    {"The till's records were damaged and have been put together again. Sales that were open are asked about first: look before you charge anybody again, and tell the owner.", "本机交易记录曾损坏，现已重建。未完成的交易会先查询结果：再次收款前请先核对，并告知店主。"},
	"salvage_down":       {"The till cannot keep a second record of its sales. Selling goes on; call support.", "本机无法写入备用交易记录，可继续收款，请联系技术支持。"},
	"network_down":       {"No network. Check the cable or the router; open sales go on by themselves.", "网络已断开。请检查网线或路由器，未完成的交易会自动继续。"},
	"network_trouble":    {"The network is slow. Payments take longer.", "网络缓慢，付款需要更长时间。"},
	"gateway_down":       {"WeChat Pay does not answer. Check the network; where other things work on it, the fault is theirs.", "微信支付没有答复。请检查网络；若其他服务正常，则故障在对方。"},
	"gateway_trouble":    {"WeChat Pay is slow or has faults. Payments may stay uncertain for a while.", "微信支付响应缓慢或异常，结果可能暂时无法确定。"},
	"scanner_down":       {"The scanner is not there. Check its cable, or show a QR code.", "未找到扫码器。请检查连接线，或出示二维码收款。"},
	"scanner_trouble":    {"The scanner sends what cannot be read. Unplug it and plug it in again.", "扫码器数据异常，请重新插拔。"},
	"judge_trouble":      {"The till decides by its rules alone; the models are slow or out of reach. Selling goes on.", "审核模型缓慢或无法访问，目前仅按规则判断，可继续收款。"},
	"rejections_trouble": {"The payment service refuses one kind of sale more often than usual. Tell the owner.", "支付服务对某类交易的拒绝率异常，请告知店主。"},
	"queue_trouble":      {"Something has been owed to a customer for too long. Look at the list of what is owed, and tell the owner.", "有对顾客的款项长时间未处理，请查看待办列表并告知店主。"},
	"cases_trouble":      {"A case has waited for the owner for more than a day. Tell the owner.", "有事项等待店主处理已超过一天，请告知店主。"},
	"bills_trouble":      {"The provider's bill of a day cannot be had. Tell the owner.", "无法取得支付平台的账单，请告知店主。"},
	"backup_trouble":     {"The till's backups are not being made. Selling goes on; tell the owner.", "本机未能按时备份，可继续收款，请告知店主。"},
	"clock_down":         {"The till's clock is wrong. Call support.", "本机时钟有误，请联系技术支持。"},
	"clock_trouble":      {"The till's clock is not confirmed yet.", "本机时钟尚未校准。"},
}

// NewNotice is a notice in the words of its code where there are any, and in
// the message's own otherwise.
func NewNotice(code, message string) Notice {
	text, ok := faults[code]
	if !ok {
		text = Text{message, message}
	}
	return Notice{code, text}
}

// Notices are what a cashier has to know of h, worst cause first.
func (h Health) Notices() []Notice {
	found := []Notice{} // an empty list and not null
	for _, p := range []struct {
		name string
		part Part
	}{{"store", h.Store}, {"salvage", h.Salvage}, {"network", h.Network}, {"gateway", h.Gateway}, {"scanner", h.Scanner}, {"clock", h.Clock}, {"judge", h.Judge}, {"rejections", h.Rejections}, {"queue", h.Queue}, {"cases", h.Cases}, {"backup", h.Backup}, {"bills", h.Bills}} {
		code := p.name + "_" + string(p.part.Level)
		if text, ok := notices[code]; ok {
			if at := p.part.Since; !at.IsZero() {
				text = Text{text.En + " Since " + at.Format("15:04") + ".", text.Zh + "自" + at.Format("15:04") + "起。"}
			}
			found = append(found, Notice{code, text})
		}
	}
	if l := h.Link; l != nil && l.State != "online" {
		found = append(found, Notice{"link_" + l.State, l.Says})
	}
	return found
}
