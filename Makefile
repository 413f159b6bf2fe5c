# All that a person or CI does with this repository; `make` alone lists it.
# Longer shell stands in .ci/, one file a task.

SHELL := /bin/sh
SWIFT ?= swift
PYTHON ?= python3
# Passed on: make run ARGS="--count 2", make bench ARGS="--quick --skip-live"
ARGS ?=

PROGRAM := .build/release/sockaudit
# The program that is run, tested and packed is one: the Swift runtime is linked in, so a host needs no Swift,
# and there is no $ORIGIN in the library path, since a program of root must not load what lies beside it.
# lld comes with Swift, and links all of it without a warning.
RELEASE := -c release --product sockaudit --static-swift-stdlib --disable-local-rpath \
	-Xswiftc -use-ld=lld -Xlinker -z -Xlinker relro -Xlinker -z -Xlinker now
SAMPLE := Tests/Fixtures/sample.log
WORKLOADS := .build/workloads
PACKAGE := .build/package
# make install
PREFIX ?= /usr/local
DESTDIR ?=

.DEFAULT_GOAL := help
# Steps use the same .build and the same package manager; order matters (deps before build).
.NOTPARALLEL:
.PHONY: help deps deps-test deps-package check-tools build run demo test fuzz sanitize test-slow screenshot lint fmt \
	bench bench-harm clean static deb rpm install uninstall test-package

help: ## this list
	@echo 'sockaudit: counts sockets opened and closed, process by process, from the audit stream'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo '  make run ARGS="--count 2" passes options on; so do demo, test, bench and bench-harm'

deps: ## install libaudit-dev, libauparse-dev and zlib1g-dev if missing, nothing else (sudo when not root)
	@sh .ci/deps.sh build

deps-test: ## install what the tests drive (auditd, strace, curl, nginx ...); starts no daemon
	@sh .ci/deps.sh test

deps-package: ## install what test-package drives (mmdebstrap, lintian, rpm)
	@sh .ci/deps.sh package

check-tools:
	@sh .ci/toolcheck.sh $(SWIFT)

build: check-tools ## build .build/release/sockaudit
	$(SWIFT) build $(RELEASE)

run: deps build ## `sockaudit all` on this host, asking sudo for that alone; without root the sample log
	@sh .ci/live.sh $(PROGRAM) $(SAMPLE) $(ARGS)

demo: deps build ## the table from the bundled sample log; no root
	@sh .ci/replay.sh $(PROGRAM) $(SAMPLE) $(ARGS)

test: deps deps-test build ## all tests; as root also the live ones on this kernel
	sh Tests/Workloads/build.sh $(WORKLOADS)
	SOCKAUDIT_BIN='$(CURDIR)/$(PROGRAM)' SOCKAUDIT_WORKLOADS='$(CURDIR)/$(WORKLOADS)' $(SWIFT) test --no-parallel $(ARGS)

sanitize: deps deps-test check-tools ## all but most live tests with the checkers of addresses, leaks and threads; an hour
	sh Tests/Workloads/build.sh $(WORKLOADS)
	@bash .ci/sanitize.sh $(SWIFT) '$(CURDIR)/$(WORKLOADS)' $(ARGS)

test-slow: deps deps-test build sanitize fuzz ## what takes too long for make test: sanitize, fuzz, and the slow tests; as root
	SOCKAUDIT_SLOW=1 SOCKAUDIT_BIN='$(CURDIR)/$(PROGRAM)' SOCKAUDIT_WORKLOADS='$(CURDIR)/$(WORKLOADS)' \
		$(SWIFT) test --no-parallel

screenshot: deps deps-test build ## the HTML report in Chromium, wide and narrow, light and dark: .build/screenshots
	SOCKAUDIT_BIN='$(CURDIR)/$(PROGRAM)' $(SWIFT) test --filter FormatTests.BrowserTests
	@ls $(CURDIR)/.build/screenshots/*.png

lint: ## format and syntax of everything, and a reason for each unsafe use; changes nothing
	$(SWIFT) format lint --strict --parallel --recursive Sources Tests Package.swift
	sh .ci/syntax.sh $(PYTHON)
	$(PYTHON) .ci/unsafe.py Sources Tests

fmt: ## format all Swift files in place
	$(SWIFT) format format --in-place --parallel --recursive Sources Tests Package.swift

bench: deps deps-test build ## cost and correctness against a plain C libauparse loop, live part as root
	@sh .ci/bench.sh $(PYTHON) .build/bench $(ARGS)

bench-harm: deps deps-test build ## harm to a flooding host with an auditd of its own, against goals; root, one minute
	@sh .ci/bench-harm.sh $(PYTHON) .build/bench $(ARGS)

fuzz: deps ## ten minutes of made-up inputs for every parser and the books; ARGS="SECONDS [TARGET]", Tests/Fuzz/README.md
	@sh .ci/fuzz.sh $(SWIFT) $(ARGS)

static: deps build ## the same program stripped, as packages have it: .build/package/sockaudit
	@sh packaging/static.sh $(PROGRAM) $(PACKAGE)/sockaudit

deb: static ## the Debian package, in .build/package
	@sh packaging/deb/build.sh $(PACKAGE)/sockaudit $(PACKAGE)

rpm: static ## the same as an RPM
	@sh packaging/rpm/build.sh $(PACKAGE)/sockaudit $(PACKAGE)

install: ## for others, after `make static`: PREFIX=/usr/local DESTDIR=
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh packaging/install.sh install $(PACKAGE)/sockaudit

uninstall: ## what `make install` put in; settings that were changed stay
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' sh packaging/install.sh uninstall $(PACKAGE)/sockaudit

test-package: deps deps-package ## install, use and remove the package in a clean root; as root
	@bash .ci/test-package.sh $(PACKAGE)

clean: ## remove everything built
	rm -rf .build .build-*
