// Package tykdestinationsconverter tells each tykredis receiver where its records go, as its
// setting destinations, so that receivers of one group find out when they share records out among
// different destinations. A receiver cannot know by itself what is behind it. Where only tykredis
// exporters are, it also has entries delivered that cannot be decoded (undecodable: deliver). It lets
// tykaggregate give records up that no other pipeline has (release_records: true).
package tykdestinationsconverter
