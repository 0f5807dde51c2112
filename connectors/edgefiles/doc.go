// Package edgefiles is the connector for The Edge, and for other tills that exchange files in the manner of its EDT: lists
// of customers, items and jobs are read from a folder, or over SFTP, and web sales are written for it to import.
//
// # Lists
//
// A list is a delimited text file with a header. Its name tells what it is: CustomerList, ItemList or JobList, with the time
// before it, FULL behind it where it is whole, and the number of the part first where it is split
// ("2-20261122183000_ItemListFULL.csv"). Other files are left alone.
//
// Only complete files are read: renamed from NAME.tmp or NAME.part, with a NAME.done beside them, or unchanged for `settle`
// and ended by a line end. A row that can't be read is refused with its reason in NAME.errors.csv; the others count. A file
// goes to the folder done, or to failed where no row was good, when the hub gives back the cursor that says that its last
// row was given: rows and cursor are journaled in one step, so that its return proves them durable.
//
// Each row has a key and a version: the column modified, else the time in the file's name, else that of the file. So a file
// that comes twice, or late, changes nothing.
//
//	customer  CustomerId        the client as The Edge knows them
//	item      ItemId            the listing, and its level at each store: a piece is at one of them
//	job       JobId             an order of the channel "job" without lines, whose fulfilment is where the work stands
//
// # Web sales
//
// An order of another connection that is paid becomes one file, WebSale_<id>.xml. The id derives from the order, so that the
// same sale has the same name for ever. It is written under a temporary name and renamed; before that, a copy goes to the
// folder sent, after it a mark beside the copy. Whoever finds no mark looks for the file by its name, at The Edge's too:
// a sale goes out once wherever the hub is killed, and The Edge refuses an id that it has had.
//
// The total with tax is what the items, shipping and tax add up to, and what was paid. An order that does not add up is not
// written: it waits for a person (`jumpring undelivered`). No amount is made up.
package edgefiles
