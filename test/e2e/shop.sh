# shellcheck shell=bash
# The shop of the examples in Go, and orders in it; what this directory's programs share beside lib.sh.
EXAMPLES=$AZ_BUILD/examples

# start_shop SERVICE...: starts these services of the shop, in this order, and registers them.
start_shop() {
    local service
    for service in "$@"; do
        start "$service-go" "$EXAMPLES/$service-go" -listen 127.0.0.1:0
        case $service in
            fulfillment) sql "SELECT angzarr.register_saga('order-fulfillment', 'order', 'grpc://$STARTED')" ;;
            checkout) sql "SELECT angzarr.register_process_manager('checkout', 'checkout', '{order,inventory,payment}', 'grpc://$STARTED')" ;;
            summary) sql "SELECT angzarr.register_projector('order-summary', '{order}', 'grpc://$STARTED')" ;;
            *) sql "SELECT angzarr.register_aggregate('$service', 'grpc://$STARTED')" ;;
        esac > /dev/null
    done
}

# shop KEY [OPTION...] COMMAND [JSON]: sends a command to the aggregate that is called so.
shop() { "$EXAMPLES/client-go" send -server "$SERVER" -key "$@"; }

# order KEY SKU QUANTITY CENTS [OPTION...]: an order that can be submitted.
order() {
    local key=$1 item="{\"sku\": \"$2\", \"quantity\": $3, \"unitPriceCents\": $4}"
    shift 4
    shop "$key" "$@" CreateOrder '{"customerId": "alice"}' && shop "$key" "$@" AddItem "$item" &&
        shop "$key" "$@" ChangeShippingAddress \
            '{"shippingAddress": {"recipient": "Alice", "street": "1 Quay", "city": "Cork", "country": "IE"}}'
}

# types DOMAIN KEY: of its events, in order.
types() {
    sql "SELECT string_agg(regexp_replace(type_url, '.*[./]', ''), ' ' ORDER BY sequence) FROM angzarr.events
         WHERE domain = '$1' AND root = angzarr.root_of('$1', '$2')"
}
