# What is made of proto/: C messages for the engine, and the descriptors that
# reflection serves.  protoc-c knows no "optional" of proto3, so it is given
# copies in which such a field is its own oneof: the same on the wire.
PROTO_INCLUDE := $(shell pkg-config --variable=includedir protobuf)
PROTO_COPY     = build/proto
PROTO_COPIES   = $(addprefix $(PROTO_COPY)/,$(PROTOS) $(KNOWN_PROTOS))
GENERATED_PB   = $(patsubst %.proto,src/gen/%.pb-c,$(PROTOS) $(KNOWN_PROTOS))

$(PROTO_COPY)/google/protobuf/%.proto: $(PROTO_INCLUDE)/google/protobuf/%.proto
	@mkdir -p $(@D)
	cp $< $@

$(PROTO_COPY)/%.proto: proto/%.proto
	@mkdir -p $(@D)
	sed -E 's/^( *)optional ([A-Za-z0-9_.]+) ([a-z0-9_]+) = ([0-9]+);/\1oneof _\3 { \2 \3 = \4; }/' $< > $@

# One run for all: they include each other.
$(addsuffix .c,$(GENERATED_PB)) $(addsuffix .h,$(GENERATED_PB)) &: $(PROTO_COPIES) tools/generate.mk
	@mkdir -p src/gen
	protoc-c -I $(PROTO_COPY) --c_out=src/gen $(PROTOS) $(KNOWN_PROTOS)

# Reflection's two versions are the same on the wire: one set of names.
src/gen/names.h: $(filter-out %/v1alpha/reflection.pb-c.h,$(addsuffix .h,$(GENERATED_PB))) tools/short_names
	tools/short_names $(filter %.h,$^) > $@.new
	mv $@.new $@

build/descriptors.pb: $(addprefix proto/,$(PROTOS))
	@mkdir -p $(@D)
	protoc -I proto --include_imports --descriptor_set_out=$@ $(PROTOS)

src/gen/descriptor_set.c: build/descriptors.pb tools/embed
	@mkdir -p $(@D)
	tools/embed az_descriptor_set $< > $@.new
	mv $@.new $@

# Everything that is compiled may include generated headers.
$(OBJS): | $(GENERATED)
src/gen/%.o: PG_CFLAGS += -w
