// Package csv is the connector for systems that can only write files: a till without an API, a catalogue kept in a
// spreadsheet. It watches a folder for five kinds of CSV files, told apart by how their names begin:
//
//	catalogue*.csv   one row a piece or a quantity SKU: a listing, and a level where stock is stated
//	clients*.csv     one row a client: a customer
//	sales*.csv       one row a line of a receipt: an order for each receipt, goods handed over
//	returns*.csv     one row a line of a return receipt: a refund of the original receipt
//	counts*.csv      one row a counted line: a count
//
// # Which files are read
//
// Only complete ones: a file with a sibling NAME.done, one that was renamed from NAME.tmp or NAME.part, or one whose
// size and time of modification stayed the same between two looks at least `settle` apart and that ends with a line
// end outside of quotes. Files are read row by row, in pages; memory does not grow with a file's size, except for 16
// bytes for each receipt while a sales file is looked through.
//
// # When a file is moved
//
// A file goes to done/ (or to failed/ if none of its rows was good) when a cursor comes back that says that its last
// row was given: the hub journals a page and its cursor in one step, so the cursor's return proves that the rows are
// durable. A crash at any point neither loses a row nor doubles one: rows that are given again have the same keys and
// the same content. Refused rows are listed beside the moved file in NAME.errors.csv.
//
// # Keys
//
//	listing   column id, else serial, else sku      order   till/receipt, lines by their number
//	level     listing id and location               refund  till/receipt:original till/original receipt
//	customer  column id                             count   till/date/line
//
// A line of a receipt names its piece by serial, sku or epc, or by the catalogue's id in the column item.
//
// A receipt is one order and is stated whole: its lines stand in one file (together or scattered), and a receipt that
// comes again in a later file replaces the earlier one. Where one line is refused, the whole receipt is.
//
// # Versions
//
// A later statement of the same row wins. Later means: the column modified, where the file has it; else the file's time of
// modification. Importing the same file twice changes nothing. A copy of an old file that got a new time of modification
// counts as new, so files that are copied by hand should have the column.
package csv
