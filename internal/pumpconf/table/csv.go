package table

var csvTypes = []*Type{
	{Name: "csv", Family: "csv", Title: "CSV files", Ends: true, NoMeta: Panics, Keys: []Key{
		{Name: "csv_dir", Default: "the working directory", Pump: "the directory, in which the hour of writing decides the file", Here: "tykcsv's csv_dir, in which the record's hour does"},
	}},
}
