/// Opens whatever a path names: a folder of shards, one shard, a compressed or a plain data file.
public enum DataSourceOpener {
    /// Opens a source whose frames can be read in any order.
    ///
    /// A data file is read once to find its frames; use `sequential` where its rows are only read one after the other.
    ///
    /// - Throws: `DataError` when there is nothing to read, or what is there is damaged.
    public static func open(path: String, options: DataFileOptions = DataFileOptions()) throws(DataError)
        -> any FramedSource
    {
        if let shards = try shards(path: path, options: options) { return shards }
        return try DataFile(path: path, options: options).framed()
    }

    /// Opens a source whose rows are read one after the other, without reading it first.
    ///
    /// - Throws: `DataError` when there is nothing to read, or what is read at opening is damaged.
    public static func sequential(path: String, options: DataFileOptions = DataFileOptions()) throws(DataError)
        -> any RecordSource
    {
        if let shards = try shards(path: path, options: options) { return shards }
        return try DataFile(path: path, options: options)
    }

    private static func shards(path: String, options: DataFileOptions) throws(DataError) -> (any FramedSource)? {
        if isFolder(path) { return try ShardedDataset(path: path, partial: options.partial) }
        return try ShardFile.isShard(path: path) ? try ShardFile(path: path) : nil
    }
}
