// Package llm asks reasoning models over HTTP and trusts nothing they say.
//
// An answer has to be whole within the caller's deadline, and the context is the
// only clock: no gateway bounds retries, fallbacks and body together, and neither
// does [http.Transport.ResponseHeaderTimeout], which a server beats by sending
// headers and stalling. Nothing is asked twice here. Who to ask next, when to race
// two providers and when to stop asking one is decided above, from the [Failure]:
// its class says whether the fault lies with us, the configuration, the provider's
// policy, the model, or the moment. A status of 200 says nothing: providers send
// errors, refusals, halves of answers and blank lines with it.
//
// What a provider is like is data ([Provider]), what it speaks is one of three
// dialects. Bodies are built for each and are never one superset, because some
// refuse a field that they do not know. The same question gives the same bytes, so
// that caches along the way can recognise it.
//
// Only [Prompt] makes a [Request], and only of [Facts], a type in which there is no
// room for a name, an id, a code or a sentence. The answer comes back through
// [Decode] as one word of a closed list, one small number and the facts it rests
// on, or not at all. Sales of the mainland go to no provider outside of the region
// that the configuration names, and a provider that names no region is outside.
//
// Rejected: the providers' own libraries (4 to 16 MB of an arm64 binary, twice the
// memory, two retries by default, and an error inside a 200 passes for success in
// them); a gateway process on the till (80 to 200 MB, and a deadline that ends with
// the headers); streaming (an answer of forty tokens has no use before its end);
// letting a model write numbers (grammars allow 97e397537); a list of forbidden
// fields in place of a type that has only the allowed ones.
package llm
