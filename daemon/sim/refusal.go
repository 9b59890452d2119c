package sim

import "net/http"

// refusal is an error answer of the provider: HTTP status, code, the number after the last '-' of Request-ID.
type refusal struct {
	status  int
	code    string
	number  int64
	message string
	detail  any
}

// outcome is what an operation came to, before any protocol puts it into words. Exactly one of its parts is set; an
// outcome with none of them is a bare success (close).
type outcome struct {
	refusal  *refusal
	tx       *transaction
	accepted bool // tx is not finished: HTTP 202
	refund   *refundView
	codeURL  string
	reversed string // order number
	ai       any    // an answer of the payment AI API
	bill     any    // where a bill is
	file     []byte // the bill
}

func refuse(status int, code string, number int64, message string) outcome {
	return outcome{refusal: &refusal{status: status, code: code, number: number, message: message}}
}

// paramDetail is the detail of PARAM_ERROR.
type paramDetail struct {
	Field    string `json:"field"`
	Value    any    `json:"value"`
	Issue    string `json:"issue"`
	Location string `json:"location"`
}

func badParam(field string, value any, issue string) *refusal {
	return &refusal{
		http.StatusBadRequest, "PARAM_ERROR", 268435461, "参数错误",
		paramDetail{"/" + field, value, issue, "body"},
	}
}

func signError(why string) *refusal {
	return &refusal{http.StatusUnauthorized, "SIGN_ERROR", 268443699, "签名错误", map[string]string{"sign_information": why}}
}

func noOrder() outcome {
	return refuse(http.StatusNotFound, "ORDER_NOT_EXIST", 268512771, "订单不存在")
}

func orderPaid() outcome {
	return refuse(http.StatusBadRequest, "ORDER_PAID", 268449538, "订单已支付")
}

func systemError() *refusal {
	return &refusal{http.StatusInternalServerError, "SYSTEM_ERROR", 268435457, "系统异常，请用相同参数重新调用", nil}
}

func userStillPaying() outcome {
	return refuse(http.StatusBadRequest, "USERPAYING", 268449539, "正在支付中不能发起撤销")
}
