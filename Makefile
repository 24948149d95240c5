# make, make deb, make test, make demo, make bench: see README.md.
#
# As root, all that writes into the tree runs as the tree's owner, so that
# nothing in it becomes root's.

GO       := $(shell packaging/find-go)
AS_OWNER := packaging/as-owner env PATH="$(dir $(GO)):$$PATH"

export CGO_ENABLED ?= 1
PROGRAMS := build/spse-totpd build/spse-totp
BUILT    := $(PROGRAMS) build/pam_spse_totp.so

.PHONY: all build programs module deb test test-long flaws demo bench clean
all: build
build:
	@[ -n "$(GO)" ] || exit 1 # find-go said why
	@$(AS_OWNER) $(MAKE) --no-print-directory GO=$(GO) programs module
programs: $(PROGRAMS)
module: build/pam_spse_totp.so

# The programs hold no C: they run on any Debian, and only the kernel and, since
# they are built to be loaded anywhere (PIE), the loader is under them.
$(PROGRAMS): build/%: always
	@mkdir -p build
	CGO_ENABLED=0 $(GO) build -trimpath -buildmode=pie -ldflags='-s -w' -o $@ ./daemon/cmd/$*
.PHONY: always
always:

include pamclient/module.mk

# build/spse-totp_*_amd64.deb; make deb VERSION=... makes another of the same.
deb:
	@[ -n "$(GO)" ] || exit 1
	@packaging/dependencies deb
	@$(AS_OWNER) packaging/build-deb $(GO) build $(VERSION)

test:
	@GO=$(GO) packaging/test/run short
test-long:
	@GO=$(GO) packaging/test/run long

demo:
	@packaging/demo/check
	@[ -n "$(GO)" ] || exit 1 # find-go said why
	@packaging/dependencies demo
	@echo "building as $(shell stat -c %U .); the first time Go fetches and compiles the libraries, which takes a minute or two"
	@$(MAKE) --no-print-directory build
	@$(AS_OWNER) CGO_ENABLED=0 $(GO) build -o build/demo ./packaging/demo
	@INTERACTIVE=$(INTERACTIVE) build/demo

# Writes docs/BENCHMARKS.md; fails where a demand on our speed is missed.
bench:
	@[ "$$(id -u)" = 0 ] || { echo "error: needs root, for a stage of its own"; echo "hint: sudo make bench"; exit 1; } >&2
	@[ -n "$(GO)" ] || exit 1
	@packaging/dependencies bench
	@$(MAKE) --no-print-directory build
	@$(AS_OWNER) $(CC) -std=c11 -D_GNU_SOURCE $(PAM_WARNINGS) -O2 -o build/bench-driver pamclient/bench/driver/driver.c -lpam
	@$(AS_OWNER) env CGO_ENABLED=0 $(GO) build -o build/bench-populate ./daemon/internal/store/populate
	@$(AS_OWNER) env CGO_ENABLED=0 $(GO) build -buildvcs=auto -o build/bench ./pamclient/bench
	@build/bench

clean:
	rm -rf build
