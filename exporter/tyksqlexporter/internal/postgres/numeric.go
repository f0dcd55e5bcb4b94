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

// base10000 is the base of a numeric's digits, each of which is four decimal ones.
const base10000 = 10000

// powers are those of ten below the base.
var powers = [...]uint64{1, 10, 100, 1000}

// appendNumeric writes v, with its length, as a binary numeric of the shortest
// decimal number that reads back as v.
func appendNumeric(b []byte, v float64) []byte {
	if math.IsNaN(v) {
		return appendDecimal(b, numericNaN, 0, 0)
	}
	sign := uint16(numericPositive)
	if v < 0 {
		v, sign = -v, numericNegative
	}
	if scaled := v * base10000; scaled < 1e13 { // which leaves at most 13 digits: then the shortest number is this one
		if n := math.Round(scaled); n/base10000 == v { // coordinates mostly are ten-thousandths
			return appendDecimal(b, sign, uint64(n), -4)
		}
	}
	return appendShortest(b, sign, v)
}

// appendShortest writes a number that is not negative by way of its decimal text.
func appendShortest(b []byte, sign uint16, v float64) []byte {
	var text [32]byte
	var digits uint64 // 17 at most
	exponent := 0     // of the last digit
	scientific := strconv.AppendFloat(text[:0], v, 'e', -1, 64)
	for i, c := range scientific { // d.ddde±xx
		if c == 'e' {
			first, _ := strconv.Atoi(string(scientific[i+1:])) // AppendFloat's own text
			exponent += first
			break
		}
		if c != '.' {
			digits = digits*10 + uint64(c-'0')
			exponent -= min(i, 1)
		}
	}
	return appendDecimal(b, sign, digits, exponent)
}

// appendDecimal writes n times ten to the exponent, with its length. The form is: number
// of base-10000 digits, weight of the first one, sign, decimal places to show, digits.
func appendDecimal(b []byte, sign uint16, n uint64, exponent int) []byte {
	for ; exponent < 0 && n%10 == 0 && n > 0; exponent++ {
		n /= 10
	}
	if n == 0 {
		exponent = 0
	}
	shift := (exponent%4 + 4) % 4
	weight := (exponent - shift) / 4 // of the last digit, then of the one before the first
	var digits [6]uint16             // last first
	count := 0
	if shift > 0 { // the last digit ends with zeros that n has not
		digits[0] = uint16(n % powers[4-shift] * powers[shift]) //nolint:gosec // below 10000
		n, count = n/powers[4-shift], 1
	}
	for ; n > 0; n /= base10000 {
		if n%base10000 == 0 && count == 0 {
			weight++
			continue
		}
		digits[count] = uint16(n % base10000) //nolint:gosec // below 10000
		count++
	}
	if weight += count; count == 0 {
		weight = 1
	}
	b = binary.BigEndian.AppendUint32(b, uint32(8+2*count)) //nolint:gosec // at most 6
	b = binary.BigEndian.AppendUint16(b, uint16(count))     //nolint:gosec // as above
	b = binary.BigEndian.AppendUint16(b, uint16(weight-1))  //nolint:gosec // two's complement, within ±81
	b = binary.BigEndian.AppendUint16(b, sign)
	b = binary.BigEndian.AppendUint16(b, uint16(max(0, -exponent))) //nolint:gosec // at most 340
	for count > 0 {
		count--
		b = binary.BigEndian.AppendUint16(b, digits[count])
	}
	return b
}
