# What is made of proto/: C messages for the engine, and the descriptors that
# reflection serves.  protoc-c knows no "optional" of proto3, so it is given
# copies in which such a field is its own oneof: the same on the wire.
PROTO_COPY = build/proto

$(PROTO_COPY)/%.proto: proto/%.proto
	@mkdir -p $(@D)
	sed -E 's/^( *)optional ([A-Za-z0-9_.]+) ([a-z0-9_]+) = ([0-9]+);/\1oneof _\3 { \2 \3 = \4; }/' $< > $@

src/gen/%.pb-c.c src/gen/%.pb-c.h &: $(PROTO_COPY)/%.proto $(addprefix $(PROTO_COPY)/,$(PROTOS))
	@mkdir -p src/gen
	protoc-c -I $(PROTO_COPY) --c_out=src/gen $*.proto

build/descriptors.pb: $(addprefix proto/,$(PROTOS))
	@mkdir -p $(@D)
	protoc -I proto --include_imports --descriptor_set_out=$@ $(PROTOS)

src/gen/descriptor_set.c: build/descriptors.pb tools/embed
	@mkdir -p $(@D)
	tools/embed az_descriptor_set $< > $@

# Everything that is compiled may include generated headers.
$(SOURCES:.c=.o): $(GENERATED_C)
src/gen/%.o: PG_CFLAGS += -Wno-error
