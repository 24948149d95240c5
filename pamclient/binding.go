// Package pamclient is the PAM module pam_spse_totp.so, in C. PROTOCOL.md in
// daemon/protocol says what it speaks, pamclient.h what is where.
//
// The module itself is linked by the C compiler alone (module.mk) and no Go is
// in it. This binding of the same sources exists for the tests and the fuzzers
// (cgo cannot be used in a _test.go file); nothing imports the package.
package pamclient

/*
#cgo CFLAGS: -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror
#cgo LDFLAGS: -lpam
#include <stdlib.h>
#include <string.h>
#include "pamclient.h"
*/
import "C"

import (
	"unsafe"

	"spse-totp/daemon/protocol"
)

// cStrings keeps copies of strings for C until free.
type cStrings []unsafe.Pointer

func (c *cStrings) add(text string) *C.char {
	copied := C.CString(text)
	*c = append(*c, unsafe.Pointer(copied))
	return copied
}

func (c *cStrings) free() {
	for _, p := range *c {
		C.free(p)
	}
}

// parseReply is reply_parse, on the very bytes.
func parseReply(frame []byte) (protocol.Reply, bool) {
	var reply C.struct_reply
	if !C.reply_parse((*C.uint8_t)(unsafe.SliceData(frame)), C.size_t(len(frame)), &reply) {
		return nil, false
	}
	text := C.GoString(&reply.text[0])
	switch reply.verb {
	case C.VERB_NEED_GROUPS:
		gids := make([]uint32, reply.n_gids)
		for i := range gids {
			gids[i] = uint32(reply.gids[i])
		}
		return protocol.NeedGroups{GIDs: gids}, true
	case C.VERB_PROMPT:
		return protocol.Prompt{Text: text}, true
	case C.VERB_OFFER:
		return protocol.Offer{Text: text}, true
	case C.VERB_SHOW:
		return protocol.Show{Text: text, Style: protocol.Style(reply.style)}, true
	case C.VERB_RESULT:
		return protocol.Result{Verdict: protocol.Verdict(reply.verdict)}, true
	}
	return nil, false
}

// buildRequest writes a request as the module does. The second result is false
// when it does not fit.
func buildRequest(request protocol.Request) ([]byte, bool) {
	var frame C.struct_frame
	defer C.frame_free(&frame)
	switch r := request.(type) {
	case protocol.Start:
		C.frame_begin(&frame, C.VERB_START, C.LARGE_FRAME_MAX)
		putStart(&frame, r)
	case protocol.Groups:
		C.frame_begin(&frame, C.VERB_GROUPS, C.LARGE_FRAME_MAX)
		C.put_groups(&frame, (*C.uint32_t)(unsafe.SliceData(r.GIDs)), C.size_t(len(r.GIDs)),
			(*C.uint32_t)(unsafe.SliceData(r.Unknown)), C.size_t(len(r.Unknown)))
	case protocol.Answer:
		C.frame_begin(&frame, C.VERB_ANSWER, C.FRAME_MAX)
		typed := cTyped(!r.Withheld, "", r.Typed.Reveal())
		C.put_answer(&frame, &typed)
	}
	return C.GoBytes(unsafe.Pointer(frame.bytes), C.int(frame.length)), !bool(frame.overflow)
}

func putStart(frame *C.struct_frame, r protocol.Start) {
	var texts cStrings
	defer texts.free()
	start := C.struct_start{
		phase:   uint32(r.Phase),
		service: texts.add(r.Service), user: texts.add(r.User),
		rhost: texts.add(r.RHost), tty: texts.add(r.TTY), ruser: texts.add(r.RUser),
	}
	if r.NSS != nil {
		start.nss_name, start.nss_uid = texts.add(r.NSS.Name), C.uint32_t(r.NSS.UID)
	}
	C.put_start(frame, &start)
	if r.Typed != nil {
		typed := cTyped(true, r.LastPrompt, r.Typed.Reveal())
		C.put_typed(frame, &typed)
	}
}

func cTyped(present bool, prompt, text string) C.struct_typed {
	var texts cStrings
	defer texts.free()
	var typed C.struct_typed
	if present {
		C.keep_typed(&typed, texts.add(prompt), texts.add(text))
	}
	return typed
}

// arguments is struct args.
type arguments struct {
	Socket, Services, Account string
	Split, Timeout            int
	Debug                     bool
}

// parseArguments is args_parse; bad is the argument it refused.
func parseArguments(argv []string) (args arguments, bad string, ok bool) {
	var texts cStrings
	defer texts.free()
	cArgv := (**C.char)(C.calloc(C.size_t(len(argv)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	defer C.free(unsafe.Pointer(cArgv))
	for i, argument := range argv {
		unsafe.Slice(cArgv, len(argv))[i] = texts.add(argument)
	}
	var cArgs C.struct_args
	var cBad *C.char
	if !C.args_parse(C.int(len(argv)), cArgv, &cArgs, &cBad) {
		return arguments{}, C.GoString(cBad), false
	}
	return arguments{
		Socket: C.GoString(cArgs.socket), Services: C.GoString(cArgs.services), Account: C.GoString(cArgs.account),
		Split: int(cArgs.split), Timeout: int(cArgs.timeout), Debug: bool(cArgs.debug),
	}, "", true
}

// listHas is list_has.
func listHas(list, name string) bool {
	var texts cStrings
	defer texts.free()
	return bool(C.list_has(texts.add(list), texts.add(name)))
}

// splitText is split_at: what stays, and the digits cut off.
func splitText(text string, digits uint) (rest, code string) {
	var texts cStrings
	defer texts.free()
	cut := C.split_at(texts.add(text), C.uint(digits))
	return text[:cut], text[cut:]
}
