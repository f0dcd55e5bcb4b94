// Package rows says what is compared: tables, their columns, and rows whose values have
// one form, whatever database they come from.
package rows
