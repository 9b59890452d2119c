package llm

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// said is an answer of each dialect with a text in it.
func openAISaid(content, more string) string {
	return `{"id":"1","object":"chat.completion","model":"served-1","choices":[{"index":0,"message":{"role":"assistant","content":` + content + more + `},"finish_reason":"stop"}],"usage":{"prompt_tokens":410,"completion_tokens":21}}`
}

func openAICalls(calls string) string { return openAISaid("null", `,"tool_calls":[`+calls+`]`) }

func call(name, args string) string {
	return `{"id":"c","type":"function","function":{"name":"` + name + `","arguments":` + args + `}}`
}

func anthropicSaid(content string) string {
	return `{"id":"1","type":"message","role":"assistant","model":"served-1","content":[` + content + `],"stop_reason":"end_turn","usage":{"input_tokens":410,"output_tokens":21}}`
}

func toolUse(name, input string) string {
	return `{"type":"tool_use","id":"t","name":"` + name + `","input":` + input + `}`
}

func geminiSaid(parts string) string {
	return `{"candidates":[{"content":{"parts":[` + parts + `],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":410,"candidatesTokenCount":21},"modelVersion":"served-1"}`
}

func ends1(body, from, to string) string { return strings.Replace(body, from, to, 1) }

const fence = "```json\n" + good + "\n```"

// A 200 of a dialect may be an answer, or any of the ways not to give one.
var answerShapes = map[string][]shape{
	"openai-schema": {
		{"answer", 200, openAISaid(quoted(good), ""), "", ""},
		{"leading blank lines", 200, strings.Repeat("\n", 500) + openAISaid(quoted(good), ""), "", ""},
		{"parts", 200, openAISaid(`[{"type":"thinking","thinking":"x"},{"type":"text","text":`+quoted(good)+`}]`, ""), "", ""},
		{"fence", 200, openAISaid(quoted(fence), ""), "", ""},
		{"bare fence", 200, openAISaid(quoted("```\n"+good+"```"), ""), "", ""},
		{"no finish reason", 200, ends1(openAISaid(quoted(good), ""), `"finish_reason":"stop"`, `"finish_reason":null`), "", ""},
		{"no usage", 200, `{"choices":[{"message":{"content":` + quoted(good) + `}}]}`, "", ""},
		{"odd usage", 200, ends1(openAISaid(quoted(good), ""), `410`, `"many"`), "", ""},
		{"null refusal", 200, openAISaid(quoted(good), `,"refusal":null`), "", ""},
		{"refusal", 200, openAISaid("null", `,"refusal":"I can't help with that."`), Policy, "refusal"},
		{"refusal with content", 200, openAISaid(quoted(good), `,"refusal":"I can't."`), Policy, "refusal"},
		{"content filter", 200, ends1(openAISaid(`""`, ""), `"stop"`, `"content_filter"`), Policy, "finish_content_filter"},
		{"cut short", 200, ends1(openAISaid(quoted(`{"verdict":"con`), ""), `"stop"`, `"length"`), Truncation, "finish_length"},
		{"whole but cut", 200, ends1(openAISaid(quoted(good), ""), `"stop"`, `"length"`), Truncation, "finish_length"},
		{"mistral length", 200, ends1(openAISaid(`"x"`, ""), `"stop"`, `"model_length"`), Truncation, "finish_model_length"},
		{"mistral error", 200, ends1(openAISaid(quoted(good), ""), `"stop"`, `"error"`), Transient, "finish_error"},
		{"deepseek busy", 200, ends1(openAISaid(quoted(good), ""), `"stop"`, `"insufficient_system_resource"`), Transient, "finish_insufficient_system_resource"},
		{"error in choice", 200, `{"choices":[{"message":{"content":"par"},"finish_reason":"error","error":{"code":502,"message":"died","metadata":{"error_type":"provider_unavailable"}}}]}`, Transient, "provider_unavailable"},
		{"error in choice, good content", 200, `{"choices":[{"message":{"content":` + quoted(good) + `},"finish_reason":"stop","error":{"code":429,"message":"m"}}]}`, Transient, "http_429"},
		{"error beside choices", 200, `{"error":{"code":503,"message":"m"},` + openAISaid(quoted(good), "")[1:], Transient, "http_503"},
		{"empty content", 200, openAISaid(`""`, ""), Hallucination, "answer_empty"},
		{"null content", 200, openAISaid(`null`, ""), Hallucination, "answer_empty"},
		{"no message", 200, `{"choices":[{"finish_reason":"stop"}]}`, Hallucination, "answer_empty"},
		{"prose", 200, openAISaid(quoted("Approve it, it is paid."), ""), Hallucination, "answer_not_json"},
		{"prose and JSON", 200, openAISaid(quoted("Here: "+good), ""), Hallucination, "answer_not_json"},
		{"two objects", 200, openAISaid(quoted(good+good), ""), Hallucination, "answer_not_json"},
		{"list", 200, openAISaid(quoted("["+good+"]"), ""), Hallucination, "answer_not_json"},
		{"open fence", 200, openAISaid(quoted("```json\n"+good), ""), Hallucination, "answer_not_json"},
		{"several choices", 200, `{"choices":[{"message":{"content":` + quoted(good) + `}},{"message":{"content":` + quoted(good) + `}}]}`, Hallucination, "several_answers"},
		{"tool unasked", 200, openAICalls(call("judge_sale", quoted(good))), Hallucination, "answer_empty"},
	},
	"openai-object": {
		{"answer", 200, openAISaid(quoted(good), ""), "", ""},
		{"empty content", 200, openAISaid(`""`, ""), Hallucination, "answer_empty"},
	},
	"openai-tool": {
		{"answer", 200, ends1(openAICalls(call("judge_sale", quoted(good))), `"stop"`, `"tool_calls"`), "", ""},
		{"answer as object", 200, openAICalls(call("judge_sale", good)), "", ""},
		{"wrong tool", 200, openAICalls(call("pay_sale", quoted(good))), Hallucination, "wrong_tool"},
		{"no tool", 200, openAISaid(quoted(good), ""), Hallucination, "answer_empty"},
		{"two calls", 200, openAICalls(call("judge_sale", quoted(good)) + "," + call("judge_sale", quoted(good))), Hallucination, "several_answers"},
		{"cut arguments", 200, openAICalls(call("judge_sale", quoted(good[:20]))), Hallucination, "answer_not_json"},
		{"no arguments", 200, openAICalls(call("judge_sale", `""`)), Hallucination, "answer_empty"},
		{"null arguments", 200, openAICalls(call("judge_sale", `null`)), Hallucination, "answer_empty"},
	},
	"anthropic-tool": {
		{"answer", 200, ends1(anthropicSaid(toolUse("judge_sale", good)), "end_turn", "tool_use"), "", ""},
		{"error beside an answer", 200, ends1(anthropicSaid(toolUse("judge_sale", good)), `{`, `{"error":{"type":"overloaded_error","message":"m"},`), Transient, "overloaded_error"},
		{"answer after words", 200, anthropicSaid(`{"type":"text","text":"I will."},` + toolUse("judge_sale", good)), "", ""},
		{"wrong tool", 200, anthropicSaid(toolUse("pay_sale", good)), Hallucination, "wrong_tool"},
		{"no tool", 200, anthropicSaid(`{"type":"text","text":` + quoted(good) + `}`), Hallucination, "answer_empty"},
		{"two calls", 200, anthropicSaid(toolUse("judge_sale", good) + "," + toolUse("judge_sale", good)), Hallucination, "several_answers"},
		{"no input", 200, anthropicSaid(toolUse("judge_sale", "null")), Hallucination, "answer_empty"},
		{"refusal", 200, ends1(anthropicSaid(""), "end_turn", "refusal"), Policy, "finish_refusal"},
		{"refusal and call", 200, ends1(anthropicSaid(toolUse("judge_sale", good)), "end_turn", "refusal"), Policy, "finish_refusal"},
		{"cut short", 200, ends1(anthropicSaid(toolUse("judge_sale", `{}`)), "end_turn", "max_tokens"), Truncation, "finish_max_tokens"},
		{"window", 200, ends1(anthropicSaid(""), "end_turn", "model_context_window_exceeded"), Truncation, "finish_model_context_window_exceeded"},
		{"pause", 200, ends1(anthropicSaid(""), "end_turn", "pause_turn"), Transient, "finish_pause_turn"},
		{"nothing", 200, anthropicSaid(""), Hallucination, "answer_empty"},
	},
	"anthropic-schema": {
		{"answer", 200, anthropicSaid(`{"type":"thinking","thinking":"x"},{"type":"text","text":` + quoted(good) + `}`), "", ""},
		{"prose", 200, anthropicSaid(`{"type":"text","text":"no"}`), Hallucination, "answer_not_json"},
	},
	"gemini-schema": {
		{"answer", 200, geminiSaid(`{"text":"hm","thought":true},{"text":` + quoted(good) + `}`), "", ""},
		{"answer in two parts", 200, geminiSaid(`{"text":` + quoted(good[:9]) + `},{"text":` + quoted(good[9:]) + `}`), "", ""},
		{"safety", 200, `{"candidates":[{"finishReason":"SAFETY","safetyRatings":[]}]}`, Policy, "finish_safety"},
		{"prohibited", 200, `{"candidates":[{"finishReason":"PROHIBITED_CONTENT"}]}`, Policy, "finish_prohibited_content"},
		{"blocked", 200, `{"promptFeedback":{"blockReason":"SAFETY"}}`, Policy, "block_safety"},
		{"blocked for another reason", 200, `{"promptFeedback":{"blockReason":"OTHER"},"candidates":[]}`, Policy, "block_other"},
		{"cut short", 200, ends1(geminiSaid(`{"text":"{"}`), "STOP", "MAX_TOKENS"), Truncation, "finish_max_tokens"},
		{"other", 200, ends1(geminiSaid(`{"text":`+quoted(good)+`}`), "STOP", "OTHER"), Transient, "finish_other"},
		{"malformed call", 200, ends1(geminiSaid(""), "STOP", "MALFORMED_FUNCTION_CALL"), Hallucination, "finish_malformed_function_call"},
		{"no content", 200, `{"candidates":[{"finishReason":"STOP"}]}`, Hallucination, "answer_empty"},
		{"several", 200, `{"candidates":[{"finishReason":"STOP"},{"finishReason":"STOP"}]}`, Hallucination, "several_answers"},
	},
	"gemini-object": {
		{"answer", 200, geminiSaid(`{"text":` + quoted(fence) + `}`), "", ""},
	},
	"gemini-tool": {
		{"answer", 200, geminiSaid(`{"functionCall":{"name":"judge_sale","args":` + good + `}}`), "", ""},
		{"wrong tool", 200, geminiSaid(`{"functionCall":{"name":"x","args":` + good + `}}`), Hallucination, "wrong_tool"},
		{"no tool", 200, geminiSaid(`{"text":` + quoted(good) + `}`), Hallucination, "answer_empty"},
		{"two calls", 200, geminiSaid(`{"functionCall":{"name":"judge_sale","args":` + good + `}},{"functionCall":{"name":"judge_sale","args":` + good + `}}`), Hallucination, "several_answers"},
	},
}

func TestAnswerShapes(t *testing.T) {
	var now shape
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(now.status)
		io.WriteString(w, now.body)
	}))
	for _, provider := range providers(c) {
		if len(answerShapes[provider]) == 0 {
			t.Errorf("%s: nothing is tested", provider)
		}
		for _, s := range answerShapes[provider] {
			now = s
			a, f := ask(t, c, provider)
			check(t, s, provider, f)
			if f != nil {
				continue
			}
			o, err := Decode(testRequest(t), a)
			if err != nil || o.Word != "confirm" || o.Level != 3 || len(o.Cites) != 2 {
				t.Errorf("%s: %s gives %+v, %v of %s", s.name, provider, o, err, a.JSON)
			}
			if s.name == "answer" && (a.Model != "served-1" || a.TokensIn != 410 || a.TokensOut != 21 || a.Provider != provider || a.FirstByte <= 0 || a.Latency < a.FirstByte) {
				t.Errorf("%s tells %+v", provider, a)
			}
		}
	}
}
