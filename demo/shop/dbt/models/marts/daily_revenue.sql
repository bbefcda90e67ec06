-- The import style many dbt projects use: the emitter names these CTEs as if they were tables.
with orders as (
    select * from {{ ref('fct_orders') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
)

select
    cast(orders.ordered_at as date) as order_day,
    customers.country,
    sum(orders.order_total) as revenue,
    count(orders.order_id) as orders
from orders
join customers on customers.customer_id = orders.customer_id
group by 1, 2
