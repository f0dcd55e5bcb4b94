package tykmongoexporter

import (
	"testing"

	"github.com/otelcol-tyk/otelcol-tyk/internal/peers"
)

// The tests that share one server, each with a database of its own.
func TestMongo(t *testing.T) {
	t.Parallel()
	server := peers.StartMongo(t)
	for name, test := range map[string]func(*testing.T, *peers.Mongo){
		"documents are those of Tyk Pump":                       testDocumentsAreThoseOfTykPump,
		"organisations' collections are those of Tyk Pump":      testOrganisationsAreThoseOfTykPump,
		"limits are those of Tyk Pump":                          testLimitsAreThoseOfTykPump,
		"uptime checks are those of Tyk Pump":                   testUptimeIsThatOfTykPump,
		"fields come in the order of Tyk Pump":                  testFieldsComeInTheOrderOfTykPump,
		"a chunk delivered again is skipped":                    testChunkAgain,
		"an overlapping delivery adds only what is new":         testOverlap,
		"a record twice in a push is stored once":               testRepeatedInPush,
		"records without identity are stored each time":         testWithoutIdentity,
		"identities of others are identities":                   testForeignIdentities,
		"overlapping pushes at once store each record once":     testConcurrentSame,
		"any sequence of subsets stores their union":            testAnySubsets,
		"what no collection takes is no fault":                  testEmpty,
		"foreign log records are refused and neighbours stored": testForeignRecords,
		"a unique index of the operator's refuses one record":   testUniqueIndexOfTheOperators,
		"documents that are not taken leave neighbours alone":   testDocumentsThatAreNotTaken,
		"a record beyond the largest document is refused":       testTooLarge,
		"numbers and times beyond are refused or stored":        testNumbersAndTimesBeyond,
		"dirty text is cleaned":                                 testCleaning,
		"organisations with odd names":                          testOrganisationsWithOddNames,
		"an existing collection is left alone":                  testExistingCollectionIsLeftAlone,
		"an empty collection is indexed":                        testEmptyCollectionIsIndexed,
		"indexes are omitted on demand":                         testOmittedIndexes,
		"an index that is not taken leaves the others alone":    testIndexThatIsNotTakenLeavesTheOthersAlone,
		"collections are capped on demand":                      testCappedCollections,
		"an insert is one unordered command":                    testInsertCommand,
		"commands are of a bounded size":                        testBatches,
		"records are counted by what became of them":            testRecordsAreCounted,
		"rollups of any cuts end in the same documents":         testAnyCutsEndInTheSameDocuments,
		"rollups of concurrent writers count once":              testConcurrentWriters,
		"keys of rollups are escaped":                           testKeysAreEscaped,
		"the memory of a document is bounded":                   testMemoryIsBounded,
		"settings change while a chunk waits":                   testSettingsChangeWhileAChunkWaits,
		"pipelines of different settings add up":                testPipelinesOfDifferentSettingsAddUp,
		"large documents fold":                                  testLargeDocumentsFold,
		"a document of Tyk Pump goes on":                        testDocumentOfTykPumpGoesOn,
		"a rollup is one conditional update":                    testUpdateCommand,
		"rollups without a collection wait":                     testRollupsWithoutACollection,
		"documents of others are taken over":                    testDocumentsOfOthersAreTakenOver,
		"requests never meet rollups":                           testRequestsNeverMeetRollups,
		"a collection that is replaced is prepared again":       testReplacedCollectionIsPreparedAgain,
		"what old documents count is forgotten":                 testOldDocumentsForget,
		"a replay that may be forgotten is refused":             testForgottenReplay,
		"rollups of organisations that cannot be named":         testOrganisationsThatCannotBeNamed,
		"sums of rollups are those of Tyk Pump":                 testSumsAreThoseOfTykPump,
		"documents of rollups are those of Tyk Pump":            testDocumentsOfRollupsAreThoseOfTykPump,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}
