// The table order_summaries: what the projector keeps, one row for each order.
//
// A row remembers the sequence of the last event that it tells of. Angzarr
// gives an event at least once; one that was given before finds a row that is
// as far, and changes nothing. The row and that number change in one
// transaction, so nothing is lost or counted twice when anything dies in
// between.

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	summaryv1 "angzarr.io/proto/shop/summary/v1"
	_ "github.com/lib/pq" // the driver "postgres"
)

// An edition is a branch of the timeline: the same orders, told otherwise.
const (
	createTable = `CREATE TABLE IF NOT EXISTS $table (
		order_id uuid NOT NULL,
		edition text NOT NULL,
		customer_id text NOT NULL DEFAULT '',
		status text NOT NULL DEFAULT '',
		quantity bigint NOT NULL DEFAULT 0,
		total_cents bigint NOT NULL DEFAULT 0,
		cancel_reason text NOT NULL DEFAULT '',
		last_sequence bigint NOT NULL DEFAULT -1,
		PRIMARY KEY (order_id, edition)
	)`
	insertRow = `INSERT INTO $table (order_id, edition) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	selectRow = `SELECT customer_id, status, quantity, total_cents, cancel_reason, last_sequence
		FROM $table WHERE order_id = $1 AND edition = $2`
	updateRow = `UPDATE $table SET customer_id = $3, status = $4, quantity = $5,
		total_cents = $6, cancel_reason = $7, last_sequence = $8
		WHERE order_id = $1 AND edition = $2`
)

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// summary is a row.
type summary struct {
	orderID      string
	customerID   string
	status       string
	quantity     int64
	totalCents   int64
	cancelReason string
	lastSequence int64 // -1: no event yet
}

func (s *summary) message() *summaryv1.OrderSummary {
	message := &summaryv1.OrderSummary{
		OrderId:      s.orderID,
		CustomerId:   s.customerID,
		Status:       s.status,
		Quantity:     uint32(s.quantity),
		TotalCents:   s.totalCents,
		CancelReason: s.cancelReason,
	}
	if s.lastSequence > 0 {
		message.LastSequence = uint32(s.lastSequence)
	}
	return message
}

// table is in a database; sql.DB keeps connections and makes new ones.
type table struct {
	database *sql.DB
	name     string
}

// openTable makes the table where it is not there yet.
func openTable(conninfo, name string) (*table, error) {
	if !tableName.MatchString(name) {
		return nil, fmt.Errorf("%q is not the name of a table", name)
	}
	database, err := sql.Open("postgres", conninfo)
	if err != nil {
		return nil, err
	}
	t := &table{database, name}
	if _, err := database.Exec(t.statement(createTable)); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *table) statement(text string) string {
	return strings.Replace(text, "$table", `"`+t.name+`"`, 1)
}

// read returns the summary of an order, or an empty one; it changes nothing.
func (t *table) read(ctx context.Context, orderID, edition string) (*summary, error) {
	return find(t.database.QueryRowContext(ctx, t.statement(selectRow), orderID, edition), orderID)
}

// change gives the summary of an order to work, which changes it, and stores
// what came of it. Nobody else changes it meanwhile.
func (t *table) change(ctx context.Context, orderID, edition string, work func(*summary) error) (*summary, error) {
	transaction, err := t.database.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer transaction.Rollback() //nolint:errcheck // nothing is left of it after Commit
	if _, err := transaction.ExecContext(ctx, t.statement(insertRow), orderID, edition); err != nil {
		return nil, err
	}
	s, err := find(transaction.QueryRowContext(ctx, t.statement(selectRow)+" FOR UPDATE", orderID, edition), orderID)
	if err != nil {
		return nil, err
	}
	if err := work(s); err != nil {
		return nil, err
	}
	if _, err := transaction.ExecContext(ctx, t.statement(updateRow), orderID, edition,
		s.customerID, s.status, s.quantity, s.totalCents, s.cancelReason, s.lastSequence); err != nil {
		return nil, err
	}
	return s, transaction.Commit()
}

func find(row *sql.Row, orderID string) (*summary, error) {
	s := &summary{orderID: orderID, lastSequence: -1}
	err := row.Scan(&s.customerID, &s.status, &s.quantity, &s.totalCents, &s.cancelReason, &s.lastSequence)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	return s, nil
}
