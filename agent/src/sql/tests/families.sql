-- Statements of every family: what each is taken for stands in the snapshot of the same name.
-- The session uses DB.SC; $name is 'other.public.t', $stage is '@files/in', $unknown is not known.

-- # Queries
select 1
select a, count(*) from t group by a
select * from db..t
select * from "Mixed"."t x"
select * from identifier('a.b.c')
select * from identifier($name)
select * from identifier($unknown)
with recent as (select * from orders) select * from recent join customers using (id)
select $1, $2 from @files/2024/ (file_format => csv)
select my_udf(a) from t
select * from table(my_udtf(1))
select ai_complete('m', a) from t
select snowflake.cortex.complete('m', a) from t
select system$abort_session(1)
select get_presigned_url(@files, 'a.csv')
values (1, 2)
select seq.nextval
-- queries with which the parser cannot deal
select * from a directed join b on a.id = b.id
with t(x) as (select 1) select m!predict(x) from t directed join other.sc.u on true
select * from a directed join b on a.id = b.id where f(a.x) in (select y from @files)
select * from a directed join (delete from b) c
select a into b from c
select 1 from t directed join u; delete from t

-- # Changes of rows
insert into t values (1)
insert overwrite into t select * from u
insert all when a > 1 then into x when a > 2 then into y select a from t
update t set a = (select max(b) from u)
delete from t where a in (select a from u)
merge into t using u on t.a = u.a when matched then delete
truncate table if exists t
truncate t

-- # Files
copy into t from @files/in file_format = (type = csv)
copy into t from 's3://bucket/in' storage_integration = s3_in
copy into t from (select $1:a::int from @files)
copy into t from $stage
copy into @files/out from t
copy into @%t from (select ssn from people)
copy into 's3://bucket/out' from t storage_integration = s3_out
copy into @~/out from t
copy files into @files from @other
list @files/in
ls @~
remove @%t/x
put file:///tmp/a.csv @files
get @files/a.csv file:///tmp/
-- comments and paths
list @files//in
list @files -- a comment

-- # Objects
create table t (a int)
create or replace transient table sc2.t as select * from u
create table t clone u
create table t like u
create table t using template (select array_agg(object_construct(*)) from table(infer_schema(location => '@files', file_format => 'csv')))
create table identifier($unknown) (a int)
create dynamic table d target_lag = '1 hour' warehouse = w as select * from t
create external table e location = @files/in file_format = (type = parquet)
create iceberg table i (a int) external_volume = 'vol' catalog = 'SNOWFLAKE' base_location = 'x'
create secure view v copy grants as with x as (select * from t) select * from x
create materialized view v as select a from t
create view v as table t
create semantic view sv tables (o as db.sc.orders primary key (id), customers)
create stage s url = 's3://bucket/' storage_integration = s3_in
create stream s on table t
create sequence s
create file format f type = csv
create database d
create schema d2.s
create schema s clone other.public
create cortex search service s on text warehouse = w target_lag = '1 day' as (select text from docs)
create agent a from specification $$ models: $$
create model m from @files
create streamlit s root_location = '@files/app' main_file = 'a.py'
create tag cost
create masking policy p as (v string) returns string -> case when current_role() = 'R' then v else '*' end
create row access policy p as (v string) returns boolean -> exists (select 1 from allowed where name = v)
create network rule r type = ipv4 value_list = ('1.2.3.4')
create storage integration i type = external_stage storage_provider = 's3'
create external volume v storage_locations = ((name = 'x'))
create secret s type = password username = 'u' password = 'p'
create share s
create listing l share s as $$ title: x $$
create warehouse w
create user u
create role r
create database role d.r
create network policy p allowed_ip_list = ('1.2.3.4')
create failover group g object_types = databases allowed_accounts = o.a
create resource monitor m with credit_quota = 1
create frobnicator f
alter table t add column b int
alter table t rename to db.sc2.u
alter table t swap with u
alter table t modify column a set masking policy p
alter table t set tag cost = 'x'
alter table t add row access policy p on (a)
alter view v set secure
alter task k resume
alter task k modify as delete from t
alter pipe p refresh
alter share s add accounts = o.a
alter database d enable replication to accounts o.a
alter warehouse w suspend
alter warehouse resume
alter user u set default_role = 'R'
alter account set network_policy = p
alter stage s set url = 's3://b/' storage_integration = s3_out
alter cortex search service s set as (select * from secrets)
drop table if exists a.b.c
drop function f(int, string)
drop database d
drop warehouse w
drop masking policy p
undrop schema s
comment on table t is 'x'
comment on column db.sc.t.a is 'x'
comment if exists on warehouse w is 'x'

-- # Code
create procedure p() returns int language sql as $$ begin delete from t; return 1; end $$
create procedure p() returns int language sql execute as caller as begin insert into t select * from u; end
create procedure p(q string) returns string language sql as 'begin execute immediate :q; end'
create procedure p() returns int language python runtime_version = '3.11' handler = 'f' as $$ def f(s): return s.sql("drop table t") $$
create procedure p() returns int language java external_access_integrations = (net) handler = 'H.h' imports = ('@files/h.jar')
create function f(a int) returns int as 'a + 1'
create function f() returns table (a int) as $$ select a from t $$
create external function f(a int) returns int api_integration = api as 'https://example.com/f'
create task k warehouse = w schedule = '1 minute' as insert into log select * from t
create task k as begin delete from a; delete from b; end
create task k as call p()
create task k clone j
create pipe p auto_ingest = true as copy into t from @files
create alert a if (exists (select 1 from t)) then update t set done = true
call p(1, (select max(a) from t))
call other.public.p() into :x
call system$wait(1)
execute task k
execute notebook n()
execute job service in compute pool c from specification $$ x $$
execute immediate 'drop table t'
execute immediate 'select * from t where a = ''it\'s'''
execute immediate $$ begin truncate t; end $$
execute immediate $unknown
execute immediate 'drop ' || 'table t'
execute immediate from @files/a.sql
execute immediate '\u0064rop table t'
with p as procedure () returns int language sql as $$ begin drop table t; return 1; end $$ call p()
with p as procedure () returns int language python handler = 'f' as $$ x $$ call p()
begin select 1; end
begin let x int := 1; if (x > 0) then delete from t; else insert into u values (:x); end if; return x; end
declare c cursor for select a from t; r resultset default (select b from u); e exception (-20001, 'x'); begin open c; for row in c do merge into v using u on v.a = u.a when matched then delete; end for; exception when other then call p(); end
begin execute immediate :text; end
begin let r resultset := (execute immediate 'delete from t'); return table(r); end
begin case when 1 = 1 then drop table t; end case; while (true) do update t set a = 1; end while; loop break; end loop; end
begin select a into :x from t; frobnicate; end
begin delete from t
begin delete from t; end; select 2
explain select * from t
explain using text delete from t
show tables ->> select * from $1 where "name" = 'T'
call p() ->> delete from t where a in (select a from $1)
select 1 ->> frobnicate

-- # Session and transactions
use database d
use schema d.s
use d.s
use role r
use role identifier($unknown)
use warehouse w
use secondary roles all
use secondary roles a, b
use schema x; select * from t
use d; create schema s2; select * from t
alter session set search_path = 'db."myS", $public'; select * from t
alter session set search_path = $unknown; select * from t
alter session set quoted_identifiers_ignore_case = $unknown; select * from "t"
alter session set quoted_identifiers_ignore_case = $unknown; select * from t
begin use schema other; delete from t; end
begin execute immediate 'use schema other'; delete from a.b.t; end
begin alter session set quoted_identifiers_ignore_case = true; delete from a.b."t"; end
use schema other ->> select * from t
set a = 1
set a = (select max(b) from t)
set (a, b) = ('x', 2)
unset a
alter session set query_tag = 'x', timezone = 'UTC'
alter session unset query_tag
set v = 'a.b.c'; select * from identifier($v)
begin
begin work
begin transaction name t1
start transaction
commit work
rollback
begin transaction; delete from t; commit

-- # Metadata
show tables
show terse tables like 'a%' in schema a.b
show schemas in database d
show columns in table t
show primary keys in t
show users
show grants on table t
show grants to role r
show parameters in warehouse w
show integrations
show
describe table t
desc a.b.c
desc user u
desc function f(int)
describe result '01b2c3d4-0000-1111-0000-00000000000a'
describe masking policy p
show tables like f(1)

-- # Rights
grant select on table t to role r
grant select on t to r
grant all privileges on all tables in schema a.b to role r
grant select on future views in database d to role r with grant option
grant create warehouse on account to role r
grant role a to user u
grant database role d.r to role x
grant usage on database d to share s
grant usage on integration i to role r
grant ownership on function f(int) to role r
grant frobnication on frobnicator f to role r
revoke select on table t from role r
revoke role a from user u

-- # Code and writes that look like something else
call m!forecast(1)
call system$send_email('i', 'a', 'b', 'c')
call identifier('SYSTEM$SEND_EMAIL')('i', 'a', 'b', 'c')
select identifier('SYSTEM$ABORT_SESSION')(1)
select identifier('GET_PRESIGNED_URL')(@files, 'x')
select identifier('SNOWFLAKE.CORTEX.COMPLETE')('m', 'x')
explain call p()
explain execute immediate 'delete from t'
explain begin delete from t; end
select 1 union delete from t
begin truncate date; end
begin update text set a = 1; end
begin let c cursor for delete from t; end
with q as (select f(1)), p as procedure () returns int language javascript as 'x' call p()
select $1 from @~/x.csv
select ai_filter(prompt('is {0} x?', 'y'))
select count(*) filter (where a = 1), tag(1) from t
