package postgres

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Signs of PostgreSQL's binary numeric.
const (
	numericPositive = 0x0000
	numericNegative = 0x4000
	numericNaN      = 0xC000
)

// appendNumeric writes v, with its length, as a binary numeric of the shortest
// decimal number that reads back as v. The form is: number of base-10000 digits,
// weight of the first one, sign, decimal places to show, digits.
func appendNumeric(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return appendNumericDigits(b, numericNaN, 0, 0, nil)
	case v == 0: // most installations look up no places
		return appendNumericDigits(b, numericPositive, 0, 0, nil)
	}
	if scaled := math.Abs(v) * base10000; scaled < 1e13 { // which leaves at most 13 digits: then the shortest number is this one
		if n := int64(math.Round(scaled)); float64(n)/base10000 == math.Abs(v) {
			return appendNumericScaled(b, v < 0, n)
		}
	}
	return appendNumericShortest(b, v)
}

// appendNumericShortest writes a number that is not 0 by way of its decimal text.
func appendNumericShortest(b []byte, v float64) []byte {
	var text [32]byte
	scientific := strconv.AppendFloat(text[:0], math.Abs(v), 'e', -1, 64) // d.ddde±xx
	sign := uint16(numericPositive)
	if v < 0 {
		sign = numericNegative
	}
	var digits [20]byte // 17 at most
	n := 0
	i := 0
	for ; scientific[i] != 'e'; i++ {
		if scientific[i] != '.' {
			digits[n] = scientific[i] - '0'
			n++
		}
	}
	exponent, _ := strconv.Atoi(string(scientific[i+1:])) // of the first digit; FormatFloat's own text
	return appendNumericDigits(b, sign, exponent, max(0, n-1-exponent), digits[:n])
}

// base10000 is the base of a numeric's digits.
const base10000 = 10000

// appendNumericScaled writes n ten-thousandths, which coordinates mostly are, with as
// many decimal places as are not 0. n is above 0.
func appendNumericScaled(b []byte, negative bool, n int64) []byte {
	scale := 4
	for places := n; scale > 0 && places%10 == 0; places /= 10 {
		scale--
	}
	weight := -1 // of the last digit, then of the first
	for ; n%base10000 == 0; n /= base10000 {
		weight++
	}
	var digits [4]uint16 // last first
	count := 0
	for ; n > 0; n /= base10000 {
		digits[count] = uint16(n % base10000) //nolint:gosec // below 10000
		count++
	}
	sign := uint16(numericPositive)
	if negative {
		sign = numericNegative
	}
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*count))      //nolint:gosec // at most 4
	b = binary.BigEndian.AppendUint16(b, uint16(count))          //nolint:gosec // at most 4
	b = binary.BigEndian.AppendUint16(b, uint16(weight+count-1)) //nolint:gosec // two's complement
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale)) //nolint:gosec // at most 4
	for count > 0 {
		count--
		b = binary.BigEndian.AppendUint16(b, digits[count])
	}
	return b
}

// appendNumericInteger writes an integer.
func appendNumericInteger(b []byte, negative bool, magnitude uint64) []byte {
	sign := uint16(numericPositive)
	if negative {
		sign = numericNegative
	}
	if magnitude == 0 {
		return appendNumericDigits(b, sign, 0, 0, nil)
	}
	var text [20]byte
	digits := strconv.AppendUint(text[:0], magnitude, 10)
	for i := range digits {
		digits[i] -= '0'
	}
	return appendNumericDigits(b, sign, len(digits)-1, 0, digits)
}

// appendNumericDigits writes decimal digits, the first of which stands for that
// digit times ten to the exponent.
func appendNumericDigits(b []byte, sign uint16, exponent, scale int, digits []byte) []byte {
	const group = 4 // decimal digits in one of base 10000
	weight := floorDiv(exponent, group)
	lead := group - 1 - (exponent - weight*group) // zeros before the first digit in its group
	groups := (lead + len(digits) + group - 1) / group
	if len(digits) == 0 {
		groups, weight = 0, 0
	}
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*groups)) //nolint:gosec // at most 6 groups
	b = binary.BigEndian.AppendUint16(b, uint16(groups))     //nolint:gosec // as above
	b = binary.BigEndian.AppendUint16(b, uint16(weight))     //nolint:gosec // two's complement, within ±81
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(scale)) //nolint:gosec // at most 340
	for g := range groups {
		var value uint16
		for place := g*group - lead; place < (g+1)*group-lead; place++ {
			value *= 10
			if place >= 0 && place < len(digits) {
				value += uint16(digits[place])
			}
		}
		b = binary.BigEndian.AppendUint16(b, value)
	}
	return b
}

// floorDiv divides towards minus infinity.
func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
