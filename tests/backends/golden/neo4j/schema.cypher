// reads
CREATE CONSTRAINT headwater_epoch_id IF NOT EXISTS FOR (n:_Epoch) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_dataset_id IF NOT EXISTS FOR (n:Dataset) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_column_id IF NOT EXISTS FOR (n:Column) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_job_id IF NOT EXISTS FOR (n:Job) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_operation_id IF NOT EXISTS FOR (n:Operation) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_model_id IF NOT EXISTS FOR (n:Model) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_hyperparameters_id IF NOT EXISTS FOR (n:Hyperparameters) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_metrics_id IF NOT EXISTS FOR (n:Metrics) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_prediction_id IF NOT EXISTS FOR (n:Prediction) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_user_id IF NOT EXISTS FOR (n:User) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_system_id IF NOT EXISTS FOR (n:System) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_asset_id IF NOT EXISTS FOR (n:Asset) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_node_id IF NOT EXISTS FOR (n:_Node) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT headwater_record_id IF NOT EXISTS FOR (n:_Record) REQUIRE n.id IS UNIQUE;
CREATE RANGE INDEX headwater_node_number IF NOT EXISTS FOR (n:_Node) ON (n._number);
CREATE RANGE INDEX headwater_hidden_alias IF NOT EXISTS FOR (n:_Hidden) ON (n._alias);
CREATE CONSTRAINT headwater_edge_source_kind_target IF NOT EXISTS FOR (n:_Edge) REQUIRE (n.source, n.kind, n.target) IS UNIQUE;
CREATE RANGE INDEX headwater_edge_target_kind_source IF NOT EXISTS FOR (n:_Edge) ON (n.target, n.kind, n.source);
CREATE RANGE INDEX headwater_listed_group_place_id IF NOT EXISTS FOR (n:_Listed) ON (n.group, n.place, n.id);
CREATE CONSTRAINT headwater_log_seq IF NOT EXISTS FOR (n:_Log) REQUIRE n.seq IS UNIQUE;
CREATE FULLTEXT INDEX headwater_search IF NOT EXISTS FOR (n:Dataset|Column|Job|Operation|Model|Hyperparameters|Metrics|Prediction|User|System|Asset) ON EACH [n._terms] OPTIONS {indexConfig: {`fulltext.analyzer`: 'keyword', `fulltext.eventually_consistent`: true}}
