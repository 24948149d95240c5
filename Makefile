# make, make test, make demo: see README.md.
#
# Under sudo, all that writes into the tree runs as the user who called it, so
# that nothing in it becomes root's.

GO   := $(shell packaging/find-go)
ROOT := $(filter 0,$(shell id -u))
ifneq ($(and $(ROOT),$(SUDO_USER)),)
AS_USER := runuser -u $(SUDO_USER) -- env HOME=$(shell getent passwd $(SUDO_USER) | cut -d: -f6) PATH=$(dir $(GO)):$(PATH)
endif

export CGO_ENABLED ?= 1
PROGRAMS := build/spse-totpd build/spse-totp
BUILT    := $(PROGRAMS) build/pam_spse_totp.so

.PHONY: all build programs module test test-long flaws demo clean
all: build
build:
	@$(AS_USER) $(MAKE) --no-print-directory GO=$(GO) SUDO_USER= programs module
programs: $(PROGRAMS)
module: build/pam_spse_totp.so

# The programs hold no C: they run on any Debian, and nothing but the kernel is
# under them.
$(PROGRAMS): build/%: always
	@mkdir -p build
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o $@ ./daemon/cmd/$*
.PHONY: always
always:

include pamclient/module.mk

test:
	@GO=$(GO) packaging/test/run short
test-long:
	@GO=$(GO) packaging/test/run long

demo:
	@packaging/demo/check
	@packaging/dependencies demo
	@echo "building as $(or $(SUDO_USER),$(shell id -un)); the first time Go fetches and compiles the libraries, which takes a minute or two"
	@$(MAKE) --no-print-directory build
	@$(AS_USER) env CGO_ENABLED=0 $(GO) build -o build/demo ./packaging/demo
	@INTERACTIVE=$(INTERACTIVE) build/demo

clean:
	rm -rf build
