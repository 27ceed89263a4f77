# angzarr: event sourcing inside PostgreSQL.  "make help" lists what can be made.
EXTENSION   = angzarr
EXTVERSION  = 0.1
MODULE_big  = angzarr

# The SQL script is its parts in this order.
SQL_PARTS   = header schema roots timelines causes append load queries snapshots temporal editions idempotency dead_letters outbox registry subscriptions engine follow deliveries timers descriptors json \
              activation cursors verify admin_views privileges
DATA_built  = sql/$(EXTENSION)--$(EXTVERSION).sql
# Released versions, and the ways between them.
DATA        = $(filter-out $(DATA_built),$(wildcard sql/$(EXTENSION)--*.sql))

# Rooms of src/, bottom to top (tools/check_rooms knows the same list).
ROOMS       = base wire codec descriptor net db store pipeline service engine pg
SOURCES    := $(sort $(wildcard $(patsubst %,src/%/*.c,$(ROOMS))))
SOURCES_CC := $(sort $(wildcard $(patsubst %,src/%/*.cc,$(ROOMS))))
OBJS        = $(SOURCES:.c=.o) $(SOURCES_CC:.cc=.o) $(GENERATED_C:.c=.o)

# The protocol, and what protoc brings along: made into src/gen.
PROTOS     := $(sort $(shell find proto -name '*.proto' -printf '%P\n'))
KNOWN_PROTOS = $(patsubst %,google/protobuf/%.proto,any descriptor duration empty timestamp)
GENERATED_C = $(patsubst %.proto,src/gen/%.pb-c.c,$(PROTOS) $(KNOWN_PROTOS)) src/gen/descriptor_set.c
GENERATED   = $(GENERATED_C) src/gen/names.h

PKGS        = libnghttp2 libprotobuf-c libcares protobuf
PG_CPPFLAGS = -MMD -MP -DAZ_VERSION='"$(EXTVERSION)"' -Isrc -Isrc/gen $(shell pkg-config --cflags $(PKGS))
PG_CFLAGS   = -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter \
              -Wno-missing-field-initializers -Wno-declaration-after-statement \
              -fvisibility=hidden
# libprotobuf is C++; the names of its templates stay inside.
PG_CXXFLAGS = -std=gnu++17 -Wall -Wextra -Werror -fvisibility=hidden -fvisibility-inlines-hidden
SHLIB_LINK  = $(shell pkg-config --libs $(PKGS)) -lstdc++ -Wl,-z,relro,-z,now -Wl,--version-script=tools/exports.map

REGRESS     = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=$(EXTENSION)
ISOLATION   = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --load-extension=$(EXTENSION)
TAP_TESTS   = 1
EXTRA_CLEAN = $(OBJS:.o=.d) src/gen build/proto build/descriptors.pb sql/$(EXTENSION)--$(EXTVERSION).sql build/unit

PG_CONFIG  ?= pg_config
PGXS       := $(shell $(PG_CONFIG) --pgxs)
override with_llvm = no
include $(PGXS)

include tools/generate.mk
include test/unit/unit.mk
-include $(OBJS:.o=.d)

sql/$(EXTENSION)--$(EXTVERSION).sql: $(patsubst %,sql/parts/%.sql,$(SQL_PARTS))
	cat $^ > $@

.PHONY: help lint format
help: ## what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'
lint: ## rooms, places, style, bugs
	tools/lint
format: ## lay the C files out
	tools/format
