# Unit tests: the engine's rooms as plain C, without a server, under address
# and undefined-behaviour sanitizers and with coverage.  One program for each
# test/unit/<file>_test.c; "make unit" runs them, "make unit-NAME" one.
UNIT_DIR    = build/unit
UNIT_CC     = gcc
UNIT_CFLAGS = -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter \
              -Wno-missing-field-initializers -fsanitize=address,undefined \
              -fno-sanitize-recover=undefined -fno-omit-frame-pointer --coverage
UNIT_LIBS   = $(shell pkg-config --libs $(PKGS)) -lstdc++ -lcmocka -lpthread

ENGINE_C    = $(filter-out src/pg/%,$(SOURCES)) $(GENERATED_C)
UNIT_OBJS   = $(patsubst src/%.c,$(UNIT_DIR)/%.o,$(ENGINE_C)) $(patsubst src/%.cc,$(UNIT_DIR)/%.o,$(SOURCES_CC))
UNIT_CXXFLAGS = $(PG_CXXFLAGS) $(filter -g -O1 -f% --coverage,$(UNIT_CFLAGS))
UNIT_HELPERS = $(patsubst test/unit/%.c,$(UNIT_DIR)/help/%.o,$(filter-out %_test.c,$(wildcard test/unit/*.c)))
# Every allocation of a test goes through this one.
FAILING_MALLOC = $(UNIT_DIR)/help/failing_malloc.o
UNIT_TESTS  = $(patsubst test/unit/%.c,%,$(wildcard test/unit/*_test.c))

$(UNIT_DIR)/%.o: src/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(UNIT_CC) $(PG_CPPFLAGS) $(UNIT_CFLAGS) $(if $(findstring src/gen,$<),-w) -MMD -c $< -o $@
$(UNIT_DIR)/%.o: src/%.cc
	@mkdir -p $(@D)
	$(CXX) $(PG_CPPFLAGS) $(UNIT_CXXFLAGS) -MMD -c $< -o $@
$(UNIT_DIR)/help/%.o: test/unit/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(UNIT_CC) $(PG_CPPFLAGS) -Itest/unit $(filter-out --coverage,$(UNIT_CFLAGS)) -MMD -c $< -o $@
$(UNIT_DIR)/libengine.a: $(UNIT_OBJS)
	rm -f $@
	ar rcs $@ $^
# A library, so that a test gets the helpers it asks for and no others.
$(UNIT_DIR)/libhelp.a: $(filter-out $(FAILING_MALLOC),$(UNIT_HELPERS))
	rm -f $@
	ar rcs $@ $^
$(UNIT_DIR)/%_test: $(UNIT_DIR)/help/%_test.o $(FAILING_MALLOC) $(UNIT_DIR)/libhelp.a $(UNIT_DIR)/libengine.a
	$(UNIT_CC) $(UNIT_CFLAGS) -o $@ $< $(FAILING_MALLOC) -Wl,--start-group $(UNIT_DIR)/libhelp.a $(UNIT_DIR)/libengine.a -Wl,--end-group \
	  -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc $(UNIT_LIBS)
-include $(UNIT_OBJS:.o=.d) $(wildcard $(UNIT_DIR)/help/*.d)
.PRECIOUS: $(UNIT_DIR)/help/%.o

.PHONY: unit unit-build
unit-build: $(addprefix $(UNIT_DIR)/,$(UNIT_TESTS))
unit: $(addprefix unit-,$(UNIT_TESTS:_test=)) ## unit tests under sanitizers
unit-%: $(UNIT_DIR)/%_test
	cd $(UNIT_DIR) && CMOCKA_MESSAGE_OUTPUT=TAP ./$*_test
