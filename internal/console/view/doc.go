// Package view says figures as the console's pages do, and lays charts out as SVG.
//
// Charts are geometry only: templates write the elements, so that no text of a client reaches a page unescaped.
package view
